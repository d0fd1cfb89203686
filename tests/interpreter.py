"""The real MicroPython that the tests run on, as CPython starts it."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
HOW_TO_INSTALL = (
    "python3 tools/check.py -k nothing makes .venv with all of it: use .venv/bin/python"
)


def find():
    """Return the path of the interpreter: $MICROPYTHON, or what the test group installs."""
    path = os.environ.get("MICROPYTHON") or shutil.which(
        "micropython", path=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    )
    if not path or not shutil.which(path):
        raise FileNotFoundError(
            f"No MicroPython found. {HOW_TO_INSTALL}, or set MICROPYTHON to the path of one."
        )
    return path


def must_work(path=None):
    """End the program, a tool, unless there is a MicroPython at path, or one that find() finds."""
    try:
        about(path)
    except (OSError, RuntimeError, ValueError) as error:
        path = path or os.environ.get("MICROPYTHON")
        sys.exit(f"{path} is no MicroPython" if path else str(error))


class About(NamedTuple):
    """What kind of MicroPython an interpreter is."""

    version: str
    bits: int
    float_bits: int
    has_threads: bool
    is_compact: bool  # whether its JSON texts have no blanks


ABOUT = """
import json
import sys

try:
    import _thread
except ImportError:
    _thread = None
assert sys.implementation.name == "micropython"
version = sys.implementation.version
bits = 1
while sys.maxsize >> bits - 1:
    bits += 1
print("-".join([".".join(map(str, version[:3]))] + [name for name in version[3:] if name]))
try:
    compact = json.dumps([0, 0], separators=(",", ":")) == "[0,0]"
except TypeError:
    compact = False
print(bits, 64 if 1.0 + 1e-12 != 1.0 else 32, int(_thread is not None), int(compact))
"""


@functools.cache
def about(path=None):
    """Ask the interpreter at path, or else the one that the tests run on."""
    version, numbers = ask(ABOUT, path).splitlines()
    bits, float_bits, has_threads, is_compact = map(int, numbers.split())
    return About(version, bits, float_bits, bool(has_threads), bool(is_compact))


def ask(code, path=None):
    """Return what an interpreter prints when it runs code."""
    process = run("-c", code, path=path)
    if process.returncode:
        raise RuntimeError(f"{path or find()}:\n{process.stdout}{process.stderr}")
    return process.stdout


def run(*args, heap=None, cwd=None, timeout=600, first=None, path=None):
    """Run MicroPython with args (a script and its arguments) and return the finished process.

    MicroTetherDB and the modules in tests/ can be imported there. heap is the heap's size, such
    as "512K". first is a folder whose modules come before those. path is that of another
    interpreter. Output is text; nothing is raised if the script fails.
    """
    command = [path or find()]
    if heap:
        command += ["-X", f"heapsize={heap}"]
    folders = ([first] if first else []) + [ROOT, ROOT / "tests", ".frozen"]
    environment = dict(os.environ, MICROPYPATH=":".join(map(str, folders)))
    return subprocess.run(
        command + [str(arg) for arg in args],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
