"""Measure what MicroTetherDB costs, beside its alternatives, and write it to tools/BENCH.md.

    .venv/bin/python tools/bench.py     everything: half an hour
      bench.py flash memory             only some sections: flash, memory, times, pico, picture
      bench.py --profile                print where the time of a durable write goes
      bench.py --micropython PATH       on another MicroPython

It writes the sections of BENCH.md, and those of README.md, between their marks, and the picture
bench.svg. The emulated Pico has to be there for the section pico and the profile: `python3
tools/check.py --pico` builds it. The dependency group `test` has what this needs, MicroPython too.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("", "tests", "tests/pico", "tools")]

import emulator  # noqa: E402

import interpreter  # noqa: E402

try:
    from benchmarks import flash, memory, page, pico, picture, profile, times
    from benchmarks.unix_port import UnixPort

    MISSING = None
except ImportError as error:  # then --help works, and says what is needed
    MISSING = error

SECTIONS = "flash", "memory", "times", "pico", "picture"


def main():
    options = parser().parse_args()
    if options.profile and options.section:
        parser().error("--profile prints a profile, and no section")
    if MISSING:
        sys.exit(f"bench: {MISSING}. {interpreter.HOW_TO_INSTALL}")
    if options.micropython:
        os.environ["MICROPYTHON"] = options.micropython
    sections = options.section or SECTIONS
    if (options.profile or "pico" in sections) and not emulator.IS_BUILT:
        sys.exit(emulator.HOW_TO_BUILD)
    if not options.profile and sections != ["pico"]:
        interpreter.must_work()
    with tempfile.TemporaryDirectory() as folder:
        if options.profile:
            print(profile.tables(pico.Pico(folder), options.keys))
            return
        for section in sections:
            write(section, folder)


def parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ", ".join(SECTIONS)
    parser.add_argument("section", nargs="*", type=section, help=f"{names}; default: all")
    parser.add_argument("--profile", action="store_true", help="print a profile, write nothing")
    parser.add_argument("--keys", type=keys, default=100, help="of the database that is profiled")
    parser.add_argument("--micropython", metavar="PATH", help="the interpreter to measure on")
    return parser


def section(name):
    if name not in SECTIONS:
        raise argparse.ArgumentTypeError(f"there is no section {name}")
    return name


def keys(text):
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is no number of keys")
    return int(text)


def write(section, folder):
    print(f"{section} ...", flush=True)
    if section == "picture":
        picture.draw(UnixPort(folder))
    elif section == "pico":
        board = pico.Pico(folder)
        put("pico", pico.tables(board))
        put("summary", pico.summary(board))
    else:
        tables = {"flash": flash.tables, "memory": memory.tables, "times": times.tables}[section]
        put(section, tables(UnixPort(folder)))


def put(section, text):
    print(text + "\n")
    pages = page.write(section, text)
    print(f"{section}: written to {', '.join(pages) or 'no page, for none has its marks'}\n")


if __name__ == "__main__":
    main()
