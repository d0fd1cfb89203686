"""How large a database is, and an estimate of how much writing to it wears the flash."""

import json
from typing import NamedTuple

from MicroTetherDB import MicroTetherDB
from mtdb_tools.command import count

ERASE = 4096  # bytes of flash that are erased at once
RECORD_END = 10  # bytes of a record behind its text: the mark, the chain, the newline
COMMIT_EXTRA = 40  # bytes that littlefs adds to what it stores inline in a folder
FOLD_COMMITS = 4  # to the folder: the new file, its name, the journal's files removed


class Kind(NamedTuple):
    """What matters of a device."""

    name: str
    tip_size: int  # MicroTetherDB.TIP_SIZE there
    progsize: int = 0  # of its littlefs: the least that it writes. 0: a PC


PC = Kind("this PC", MicroTetherDB.TIP_SIZE)
NOR = Kind("RP2040, i.MX RT, SAMD (progsize 256)", 448, 256)
ESP = Kind("ESP32, ESP8266 (progsize 32)", 120, 32)

BASIS = (
    "The erases are an estimate for littlefs, for writes as large as what is stored: {:,} bytes "
    "on average, key included. What was counted on a simulated chip differs from it by a quarter "
    "at most."
)


def lines(name, sizes, db, kinds):
    """Yield the lines of the report on a database. sizes are those of X and of what counts of its
    journal: {end: bytes}."""
    journal = sizes[".log"] + sizes[".tip"]
    record = average_record(db)
    yield f"{name}: {count(len(db), 'key')}, {count(sizes[''], 'byte')}"
    yield f"Journal: {count(journal, 'byte')} (.log {sizes['.log']:,}, .tip {sizes['.tip']:,})"
    for kind in kinds:
        room = journal_room(sizes[""], kind)
        full = min(100 * journal // room, 100)
        yield f"On {kind.name}: the journal is {full} % full, and folded at about {room:,} bytes"
        if kind.progsize and record:
            erases = erases_per_write(record, sizes[""], kind)
            yield f"On {kind.name}: about {erases:.2f} erases per durable write"
    if record and any(kind.progsize for kind in kinds):
        yield BASIS.format(round(record))


def average_record(db):
    """Return how many bytes a write of one of the values takes in the journal; 0 if none is."""
    texts = (json.dumps([key, db[key]], ensure_ascii=False, separators=(",", ":")) for key in db)
    return sum(len(text.encode()) + RECORD_END for text in texts) / len(db) if db else 0


def journal_room(main, kind):
    """Return how long the journal gets before it is folded into the main file of that size."""
    return max(kind.tip_size, 2 * (main - kind.tip_size))


def erases_per_write(record, main, kind):
    """Estimate it for records of so many bytes and a main file of that size.

    Some writes go to the tip, then one spills it to the log. When the journal has no room left,
    that one folds instead.
    """
    in_tip = int(kind.tip_size // record)
    erases = sum(_commit(number * record, main, kind) for number in range(1, in_tip + 1))
    cycle = (in_tip + 1) * record
    folds = min(cycle / journal_room(main, kind), 1)
    spill = 1 + cycle / ERASE
    erases += folds * _fold(main, kind) + (1 - folds) * spill
    return erases / (in_tip + 1)


def _commit(size, main, kind):
    """Return the erases of so many bytes inline in a folder.

    When the folder's block is full, what still counts is copied to a fresh one.
    """
    written = -(-(size + COMMIT_EXTRA) // kind.progsize) * kind.progsize
    kept = kind.tip_size / 2 + (main if main <= kind.tip_size else 0)
    return written / (ERASE - kept)


def _fold(main, kind):
    if main <= kind.tip_size:  # it is inline, too
        return _commit(main, main, kind) + (FOLD_COMMITS - 1) * _commit(0, main, kind)
    return -(-main // ERASE) + FOLD_COMMITS * _commit(0, main, kind)
