"""What it costs on a Raspberry Pi Pico: an emulated one, with the real firmware of MicroPython."""

import functools
import json
import threading
from collections import defaultdict
from pathlib import Path

import emulator

from benchmarks import figures
from benchmarks.figures import Figure
from benchmarks.unix_port import PROGRAMS, compile_library

STORES = {
    "library": "MicroTetherDB",
    "json": "json.dump + rename",
    "log": "append-only log",
    "open": "by hand, file kept open",
    "hand": "by hand, reopened",
}
FLAT = "log", "open", "hand"  # what these cost doesn't depend on the number of keys
KEYS = 100  # for these, and in the table with the cache's misses
MISS = 56  # cycles that a miss of the flash's cache costs

ON_BOARD = "pico_parts.py", "stores.py", "fragments.py"
# The parts of on_board/pico_parts.py, and what has to be on the flash: what another part leaves.
AFTER = {
    "make": "files",
    "access": "make",
    "writes": "make",
    "garbage": "make",
    "opening": "make",
    "flush": "make",
    "iteration": "make",
    "profile": "make",
    "floors": "make",
    "journal": "make",
    "opening with journal": "journal",
}
MAIN = """
import os
os.remove("main.py")  # so that it doesn't run again when another part starts from this flash
import pico_parts
pico_parts.run({part!r}, {store!r}, {keys!r})
"""


class Pico:
    """The emulated Pico, on which each part runs once."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self._locks = defaultdict(threading.Lock)

    def found(self, part, store="library", keys=KEYS, miss=0):
        """Return what a part has measured, as {name: number}."""
        return json.loads(self.run(part, store, keys, miss).output.splitlines()[-1])

    def run(self, part, store, keys, miss=0, profile=None):
        """Run a part, unless it has been run. miss: what a miss of the flash's cache costs."""
        with self._locks[part, store, keys, miss]:  # another thread may want the same one
            return self._run(part, store, keys, miss, profile)

    @functools.cache  # noqa: B019 (it lives as long as the run)
    def _run(self, part, store, keys, miss, profile):
        program = self.folder / f"{part} {store} {keys} {miss}.py"
        program.write_text(MAIN.format(part=part, store=store, keys=keys))
        options = {"flash": self.flash_after(AFTER[part], store, keys), "miss": miss}
        if part in AFTER.values():
            options["keep"] = self.image(part, store, keys)
        if profile:
            options["profile"] = profile
        return emulator.Run(program, timeout=1800, **options)

    def image(self, part, store, keys):
        return self.folder / f"{part} {store} {keys}.bin"

    def flash_after(self, part, store, keys):
        """Return the file with the flash as a part has left it."""
        if part == "files":
            with self._locks[part]:
                return self._flash_with_files()
        self.run(part, store, keys)
        return self.image(part, store, keys)

    @functools.cache  # noqa: B019
    def _flash_with_files(self):
        mpy = self.folder / "MicroTetherDB.mpy"
        compile_library(mpy)
        empty = self.folder / "empty.py"
        empty.touch()
        image = self.folder / "files.bin"
        emulator.Run(empty, mpy, *(PROGRAMS / name for name in ON_BOARD), keep=image)
        return image


class PicoFigure(Figure):
    """A number that a part measures, at each number of keys; also of other stores."""

    def __init__(self, title, part, number, keys, at_most, others=(), **more):
        at = ", ".join(f"{n:,}" for n in keys)
        super().__init__(title, at, at_most, self.of_store, **more)
        self.part = part
        self.number = number
        self.keys = keys
        self.others = others

    def of_store(self, pico, store="library"):
        return [self.one(pico, store, n) for n in self.keys_of(store)]

    def keys_of(self, store):
        return (KEYS,) if store in FLAT else self.keys

    def runs(self):
        """Yield what Pico.run() needs for a row."""
        for store in ("library", *self.others):
            for keys in self.keys_of(store):
                yield self.part, store, keys, 0

    def runs_with_misses(self):
        for store in {"library", "json"} & {"library", *self.others}:
            for miss in (0, MISS):
                yield self.part, store, KEYS, miss

    def one(self, pico, store, keys, miss=0):
        number = pico.found(self.part, store, keys, miss)[self.number]
        return number / 1000 if self.name.endswith(" ms") else number

    def row(self, pico):
        numbers = figures.text(self.of_store(pico))
        others = [
            figures.text(self.of_store(pico, store)) if store in self.others else ""
            for store in list(STORES)[1:]
        ]
        return [self.name, self.at, numbers, figures.text(self.at_most), self.met(pico), *others]

    def row_with_misses(self, pico):
        """What it costs with KEYS keys, without and with misses of the cache."""
        cells = [
            [self.one(pico, store, KEYS, miss)] if store in ("library", *self.others) else []
            for store in ("library", "json")
            for miss in (0, MISS)
        ]
        return [self.name, *map(figures.text, cells)]


ALL = tuple(STORES)[1:]
JSON = ("json",)
SIZES = 10, 100, 1000
TIMES = [
    ("durable write, median, ms", "writes", "median", SIZES, (2.5,), ALL),
    ("durable write, mean, ms", "writes", "mean", SIZES, (14,), ALL),
    ("durable write, 99 %, ms", "writes", "99 %", SIZES, (118,), ALL),
    ("durable write, worst, ms", "writes", "worst", (100, 300, 1000), (200, 330, 800), ALL),
    ("db[key], us", "access", "item", SIZES, (60, 70, 80)),
    ("db.get(key), us", "access", "get", SIZES, (80,)),
    ("key in db, us", "access", "in", SIZES, (80,)),
    ("db.get() of a missing key, us", "access", "missing", SIZES, (120,)),
    ("len(db), us", "access", "len", SIZES, (100,)),
    ("an empty block, us", "access", "block", SIZES, (200,)),
    ("a block that reads a small dict, us", "access", "read", SIZES, (600,)),
    ("opening, ms", "opening", "open", SIZES, (6, 33, 330), JSON),
    ("opening, long journal, ms", "opening with journal", "open", (100, 1000), (80, 800)),
    ("close(), nothing changed, ms", "opening", "close", (100, 1000), (5,)),
    ("flush() after a change, ms", "flush", "flush", (1000,), (900,)),
    ("update() of new keys, ms", "make", "update", (100, 1000), (250, 2500), JSON),
]
COUNTS = [
    PicoFigure("erases per durable write", "writes", "erases", (10, 100), (0.20,), ALL),
    PicoFigure("bytes programmed per write", "writes", "programmed", (10, 100), (700,), ALL),
    PicoFigure(
        "garbage of a write, bytes", "garbage", "garbage", (100,), (1500,), ALL, reached=(1900,)
    ),
    PicoFigure("import, bytes of heap", "make", "import", (10,), (9216,), reached=(23104,)),
    PicoFigure("for key in db: longest piece, bytes", "iteration", "keys", (1000,), (1024,)),
    PicoFigure("db.items(): longest piece, bytes", "iteration", "items", (1000,), (1024,)),
]
# What the operations are made of, by themselves: no change of the library makes these faster.
FLOORS = [
    PicoFigure(title, "floors", number, keys, (), timed=True)
    for title, number, keys in (
        ("a method that takes a lock and looks into a dict, us", "method", (KEYS,)),
        ("one that takes a lock and adds up the lengths of 16 dicts, us", "lengths", (KEYS,)),
        ("`with` of an object that takes and frees a lock, us", "with", (KEYS,)),
        ("json.dumps() of a record, us", "dumps", (KEYS,)),
        ("json.loads() of a record, us", "loads", (KEYS,)),
        ("os.stat() of a file, us", "stat", (KEYS,)),
        ("json.loads() of all that the file holds, ms", "parse", SIZES),
        ("json.dumps() of as many records, ms", "dump", SIZES),
        ("gc.collect() with the database open, ms", "collect", SIZES),
    )
]
FIGURES = [PicoFigure(*figure, timed=True) for figure in TIMES] + COUNTS
HEADS = ["figure", "keys", STORES["library"], "at most", "met", *list(STORES.values())[1:]]
HEADS_WITH_MISSES = [
    f"{KEYS} keys",
    *(STORES[store] + misses for store in ("library", "json") for misses in ("", ", misses")),
]


def tables(pico):
    """Return all that is measured, as Markdown."""
    timed = [f for f in FIGURES if f.part in ("writes", "access") and f.timed]
    runs = {run for figure in FIGURES + FLOORS for run in figure.runs()}
    runs |= {run for figure in timed for run in figure.runs_with_misses()}
    # Those first that others need.
    in_order = sorted(runs, key=lambda run: (list(AFTER).index(run[0]), run))
    figures.side_by_side(lambda run: pico.run(*run), in_order)
    return "\n\n".join(
        [
            figures.table(HEADS, [figure.row(pico) for figure in FIGURES]),
            f"The same where each miss of the flash's cache costs {MISS} cycles:",
            figures.table(HEADS_WITH_MISSES, [figure.row_with_misses(pico) for figure in timed]),
            "What these operations are made of, each by itself, without the library:",
            figures.table(
                ["by itself", "keys", "time"],
                [[floor.name, floor.at, figures.text(floor.of_store(pico))] for floor in FLOORS],
            ),
        ]
    )


def summary(pico):
    """Return a short table, for the README."""
    stores = "library", "json", "log"
    rows = []
    for figure in FIGURES:
        if figure.number in ("median", "mean", "worst", "erases", "open") and KEYS in figure.keys:
            cells = [
                [figure.one(pico, store, KEYS)] if store in ("library", *figure.others) else []
                for store in stores
            ]
            rows.append([figure.name, *map(figures.text, cells)])
    return figures.table([f"{KEYS} keys", *(STORES[store] for store in stores)], rows)
