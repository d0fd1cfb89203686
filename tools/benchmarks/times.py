"""What takes time on this machine: so these are ratios within one run. They vary."""

import functools

from benchmarks import figures, pc_stores
from benchmarks.figures import Figure
from benchmarks.unix_port import ROOT

FEW = 10  # keys
MANY = 2000


def reading(port, short):
    """By size, nanoseconds of db[key] and of a plain method that returns self._d[key]."""
    found = port.call("read_times", "reading", short, port.folder)
    return {size: times for size, *times in found}


def opening(port, keys, short, folder):
    """How long opening takes as against json.load of the same file."""
    library, load = port.call("read_times", "opening", keys, short, folder or port.folder)
    return library / load


@functools.cache
def writes_on_pc():
    """By store, how long a durable write takes as against sqlite3's."""
    scratch = ROOT / "build"  # on this disk, since /tmp may be in RAM
    scratch.mkdir(exist_ok=True)
    times = pc_stores.write_times(scratch)
    return {name: [seconds / times["sqlite3"]] for name, seconds in times.items()}


def reading_figure(title, short):
    return Figure(
        f"db[key] against a plain method{title}",
        "10, 100, 1,000, 2,000 keys",
        (5,),
        lambda port: [ours / plain for ours, plain in reading(port, short).values()],
        lambda port: {"ns": [round(ours) for ours, plain in reading(port, short).values()]},
        timed=True,
    )


def opening_figure(title, sizes, short, folder, most):
    return Figure(
        f"open against json.load, {title}",
        ", ".join(f"{n:,}" for n in sizes) + " keys",
        (most,),
        lambda port: [opening(port, n, short, folder) for n in sizes],
        timed=True,
    )


def growth(port, which):
    """How much longer reading takes with many keys, of normal and of 8-bit hashes."""
    return [
        reading(port, short)[MANY][which] / reading(port, short)[FEW][which] for short in (0, 1)
    ]


FIGURES = [
    reading_figure("", 0),
    reading_figure(", 8-bit hashes", 1),
    Figure(
        "db[key] at 2,000 keys against 10",
        "normal, 8-bit hashes",
        (1.25,),
        lambda port: growth(port, 0),
        lambda port: {"plain dict": growth(port, 1)},
        timed=True,
    ),
    opening_figure("a PC's disk", (10, 100, 1000, 2000), 0, "", 1.15),
    opening_figure("littlefs", (10, 100, 1000, 2000), 0, "/flash", 1.15),
    opening_figure("littlefs, 8-bit hashes", (600, 1000, 2000), 1, "/flash", 1),
    Figure(
        "durable write on CPython against sqlite3 (WAL, synchronous=FULL)",
        "1,000 keys",
        (1,),
        lambda port: writes_on_pc()["MicroTetherDB"],
        lambda port: writes_on_pc(),
        timed=True,
    ),
]


def tables(port):
    """Return all that is measured, as Markdown."""
    return figures.figures_table(FIGURES, port)
