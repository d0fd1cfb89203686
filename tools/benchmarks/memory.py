"""What heap it takes, on a 64-bit MicroPython, and how large the compiled library is."""

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import interpreter
from benchmarks import figures
from benchmarks.figures import Figure
from benchmarks.flash import STORES
from benchmarks.on_board.fragments import smallest
from benchmarks.unix_port import ROOT, compile_library

TEXT = len('{"v":7,"s":"abcdefgh"}')  # the largest value's text
HEAPS = "448K", "456K", "464K"
STEP = 32  # bytes
FRAMES = 4096  # bytes that the frames of a write take at most
IN_HOLES = 1 << 18  # bytes that are free where the heap is fragmented


def file(port, keys):
    """Return the path of a fresh database of so many keys."""
    path = tempfile.mkdtemp(dir=port.folder) + "/x.db"
    if keys:
        model = f"{port.folder}/{keys}.db"
        port.call("heap_needs", "make", model, keys)
        shutil.copy(model, path)
    return path


@functools.cache
def rest(port, operation, keys):
    """How many bytes an operation leaves allocated."""
    return port.call("heap_needs", "leaves", operation, file(port, keys))


@functools.cache
def peak(port, operation, keys):
    """The least free heap in which an operation works on a database of so many keys."""

    def works(free):
        # What lies where by chance can look like a reference: so not in one heap only.
        args = operation, file(port, keys), free
        return any(port.call("heap_needs", "works", *args, heap=heap) for heap in HEAPS)

    found = smallest(works, STEP)
    if found > FRAMES:
        return found
    # MicroPython puts large frames on the heap, but on the stack where the heap is full: so what
    # works with little free may fail with more, which misleads a search by halving.
    return next(free for free in range(STEP, found + STEP, STEP) if works(free))


@functools.cache
def longest_piece(port, operation, keys):
    """The least size of the heap's holes in which it works, where there are plenty of them."""

    def works(hole):
        args = operation, file(port, keys), IN_HOLES, hole
        return port.call("heap_needs", "works", *args, heap="768K")

    return smallest(works, 64)


@functools.cache
def imported(folder):
    """How many bytes the import of the library in a folder leaves allocated."""
    command = [interpreter.find(), "-X", "heapsize=1M", "-c", IMPORT]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
    return int(done.stdout)


IMPORT = """
import gc
gc.collect()
gc.collect()
before = gc.mem_alloc()
import MicroTetherDB
gc.collect()
gc.collect()
print(gc.mem_alloc() - before)
"""


@functools.cache
def least_heap(port, program, keys, folder=None):
    """The smallest heap in which a whole program works, the interpreter's own part counted.

    The library is imported from folder, else compiled.
    """

    def works(heap):
        code = f"import sys\nsys.path[0] = {str(folder or port.folder)!r}\n"
        code += f"path = {file(port, keys)!r}\n"
        return not interpreter.run("-c", code + program, heap=heap).returncode

    return smallest(works, 1024)


def against_load(title, most, measure):
    sizes = 100, 1000

    def ratios(port):
        return [measure(port, "open", n) / measure(port, "load", n) for n in sizes]

    return Figure(
        f"{title} against json.load",
        "100, 1,000 keys",
        (most,),
        ratios,
        lambda port: {"bytes": [measure(port, "open", n) for n in sizes]},
    )


FIGURES = [
    Figure(
        "size of the .mpy, as deploy.py makes it (mpy-cross -O3), bytes",
        "",
        (8192,),
        lambda port: [os.path.getsize(port.mpy)],
        lambda port: {"with line numbers": [compile_library(port.folder + "/lines.mpy", "-O0")]},
        reached=(16375,),
    ),
    Figure(
        "what the import leaves allocated, bytes",
        "",
        (13824,),
        lambda port: [imported(port.folder)],
        lambda port: {
            "from source": [imported(ROOT)],
            "smallest heap for the .mpy, for the source": [
                least_heap(port, "import MicroTetherDB", 0, folder) for folder in (None, ROOT)
            ],
        },
        reached=(32992,),
    ),
    against_load("at rest", 1.05, rest),
    against_load("peak of opening", 1.15, peak),
    Figure(
        "peak above rest, 1,000 keys, bytes",
        "a write, one that spills, a fold",
        (1024 + TEXT,),
        lambda port: [peak(port, what, 1000) for what in ("write", "spill", "fold")],
        lambda port: {
            "60 writes, which make holes": [peak(port, "60 writes", 1000)],
            STORES["json"]: [peak(port, "json write", 1000)],
        },
    ),
    Figure(
        "peak of a transaction on 5 keys against that with 100 keys",
        "1,000 keys",
        (1.05,),
        lambda port: [peak(port, "transaction", 1000) / peak(port, "transaction", 100)],
        lambda port: {"bytes": [peak(port, "transaction", 1000)]},
    ),
    Figure(
        "peak of storing 1,000 new keys against what they take",
        "update(), a transaction",
        (1.25,),
        lambda port: [
            peak(port, what, 0) / rest(port, "dict", 0) for what in ("update", "large transaction")
        ],
        lambda port: {"plain dict": [peak(port, "dict", 0) / rest(port, "dict", 0)]},
        reached=(1.3, 1.35),
    ),
    Figure(
        "longest piece needed, 1,000 keys, bytes",
        "open, update(), 60 writes, fold",
        (2048,),
        lambda port: [
            longest_piece(port, "open", 1000),
            longest_piece(port, "update", 0),
            longest_piece(port, "60 writes", 1000),
            longest_piece(port, "fold", 1000),
        ],
        lambda port: {"json.load": [longest_piece(port, "load", 1000)]},
    ),
]


def tables(port):
    """Return all that is measured, as Markdown."""
    parts = figures.figures_table(FIGURES, port), rooms_table(port), heaps_table(port)
    return "\n\n".join(parts)


def rooms_table(port):
    """What each room of the module adds to the .mpy, with its names, constants and messages.

    Measured by compiling all before its end.
    """
    code = Path(ROOT, "MicroTetherDB.py").read_text()
    folder = Path(tempfile.mkdtemp(dir=port.folder))
    rows = []
    before = 0
    for room, end in ROOMS.items():
        (folder / "MicroTetherDB.py").write_text(code[: code.index(end)] if end else code)
        size = compile_library(str(folder / "part.mpy"), folder=folder)
        rows.append([room, f"{size - before:,}"])
        before = size
    return figures.table(["room of the module", "bytes of the .mpy"], rows)


# Each with the heading of the next.
ROOMS = {
    "the runtime": "# Values:",
    "values": "# The store:",
    "the store": "# The block:",
    "the block": "# The open databases",
    "the open databases": "# The database.",
    "MicroTetherDB": None,
}


def heaps_table(port):
    sizes = 100, 500, 1000
    rows = [
        [STORES[store], *(f"{least_heap(port, program, n) // 1024} KB" for n in sizes)]
        for store, program in PROGRAMS.items()
    ]
    return figures.table(
        ["smallest heap to open and write", *(f"{n:,} keys" for n in sizes)], rows
    )


PROGRAMS = {
    "library": """
from MicroTetherDB import MicroTetherDB
db = MicroTetherDB(path)
db["k0005"] = {"v": 1, "s": "abcdefgh"}
db.close()
""",
    "json": """
import json, os
with open(path) as f:
    db = json.load(f)
db["k0005"] = {"v": 1, "s": "abcdefgh"}
with open(path + ".tmp", "w") as f:
    json.dump(db, f)
os.rename(path + ".tmp", path)
""",
}
