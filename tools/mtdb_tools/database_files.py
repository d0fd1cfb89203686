"""What the files of a database are. MicroTetherDB's docstring says how they are made."""

import contextlib
import hashlib
import itertools
import os
import re
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

JOURNALS = (".log", ".tip")
FILES = ("", *JOURNALS, ".tmp")  # the files of a database at X are X, X.log, X.tip and X.tmp
SEAL = 33  # bytes
MARK, CHAIN = 9, 8  # where a record's mark and chain begin, from the end of its line
COPIES = (1, 2)  # stand in a backup where the seal of the X before would be
OBJECT = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*["}]')  # how one begins


def sums(path):
    """Return {end of the name: SHA-256} of the files that the database at path has."""
    found = {}
    for end in FILES:
        with contextlib.suppress(FileNotFoundError):
            found[end] = hashlib.sha256(Path(path + end).read_bytes()).hexdigest()
    return found


def size(path):
    """Return the file's length in bytes, 0 if there is none."""
    return os.path.getsize(path) if os.path.exists(path) else 0


def read(path):
    """Return the file's bytes, none if there is none."""
    return Path(path).read_bytes() if size(path) else b""


def seal(path):
    """Return "sealed", "not sealed" or "wrongly sealed", whichever the JSON file at path is."""
    body, end = _split(path)
    if not end:
        return "not sealed"
    return "sealed" if end == _bits(crc32(body)) else "wrongly sealed"


def was_database(path):
    """Whether the files at path look like those of a database, damaged or not, or like a JSON
    object."""
    data = read(path)
    has_journal = any(b'["' in read(path + end) for end in JOURNALS)
    return bool(OBJECT.match(data)) or seal_value(data[-SEAL:]) is not None or has_journal


def has_lost_all(path):
    """Whether the file at path is there, but empty. A database's never is, and none is left beside
    it that could take its place."""
    return os.path.exists(path) and not size(path) and seal(path + ".tmp") != "sealed"


def _bits(crc):
    """Return the line, blank to any JSON reader, that holds a CRC."""
    return f"{crc:032b}\n".replace("0", " ").replace("1", "\t").encode()


def seal_value(line):
    """Return the CRC in a line that is a seal, None if it is none."""
    bits = line[:-1].decode("latin-1").replace(" ", "0").replace("\t", "1")
    if len(line) != SEAL or line[-1:] != b"\n" or set(bits) - {"0", "1"}:
        return None
    return int(bits, 2)


def lines_of(path):
    """Return the lines of a journal file, without the blank ones: they are padding."""
    lines = with_plain_newlines(read(path)).split(b"\n")
    return [line for line in lines if line.strip(b" \t\r\0")]


def with_plain_newlines(data):
    """Return what a file of a database was before an editor, or a transfer as text, made CR LF of
    its newlines."""
    return data.replace(b"\r\n", b"\n")


def _split(path):
    """Return what the file holds, in two parts: all before the seal, and the seal."""
    data = read(path)
    if len(data) >= SEAL and data[-SEAL:].strip(b" \t") == b"\n":
        return data[:-SEAL], data[-SEAL:]
    return data, b""


@dataclass
class Journal:
    """What is in a journal file.

    live: its records count. stale: nothing in it continues what is there, since all of it is in X
    already, or in the log; the next write replaces it. torn: a power cut came in the middle of a
    write, which was not acknowledged, or the last write was damaged; the records before it count.
    damaged: there are whole records behind one that is broken. If the database can be opened, they
    don't matter.
    """

    state: str
    records: int  # how many count


def read_journals(path):
    """Return {end of the name: Journal} of the journal files that the database at path has."""
    journals = {}
    body = _split(path)[0]
    start = chain = crc32(body)
    # What a file from before the last fold continues; empty if it isn't known.
    older = {seal_value(body[-SEAL:])} - {None, *COPIES}
    for end in JOURNALS:
        if os.path.exists(path + end):
            data = Path(path + end).read_bytes()
            journals[end], chain = _read_journal(data, chain, older)
            if older:  # a spill has copied to the log what the tip says: the first, from X on
                older |= {start, *map(chain_of, data.split(b"\n"))}
    return journals


def journal_sizes(path):
    """Return {end of the name: bytes} of the journal as MicroTetherDB counts it before a fold: no
    file that is stale, and nothing of the padding that a PC writes behind the tip's records."""
    sizes = dict.fromkeys(JOURNALS, 0)
    for end, journal in read_journals(path).items():
        if journal.records:
            tip = sum(len(line) + 1 for line in lines_of(path + end))
            sizes[end] = tip if end == ".tip" else size(path + end)
    return sizes


def _read_journal(data, chain, older):
    """Return what is in a journal file that is to continue chain, and the chain at its end."""
    *lines, rest = data.split(b"\n")
    lines = [line for line in lines if line.strip()]  # a blank line is padding
    end = chain
    records = batch = behind = 0  # behind: lines since the last batch that counts
    for line in lines:
        behind += 1
        if continues(line, chain):
            chain = chain_of(line)
            batch += 1
            if line[-MARK:-CHAIN] != b"+":
                records += batch
                batch = behind = 0
                end = chain
    pairs = [continues(line, chain_of(other)) for other, line in itertools.pairwise(lines)]
    is_older = not older or any(continues(line, link) for line in lines[:1] for link in older)
    if behind > 1 and any(pairs[1 - behind :]) and (records or not all(pairs)):
        state = "damaged"
    elif rest or batch or (behind and (records or not is_older)) or not all(pairs):
        state = "torn"
    else:
        state = "live" if records else "stale"
    return Journal(state, records), end


def continues(line, chain):
    """Whether a line of a journal file is a whole record that continues the chain."""
    return chain is not None and line[-CHAIN:] == b"%08x" % crc32(line[:-CHAIN], chain)


def chain_of(line):
    """Return the chain that a line ends with, None if there is none."""
    try:
        return int(line[-CHAIN:], 16)
    except ValueError:
        return None
