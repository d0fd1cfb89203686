"""The board at the other end of the cable. mpremote does all the talking."""

import subprocess
import sys


class Trouble(Exception):
    """What went wrong, in one line for the user."""


MEANINGS = (
    ("No module named mpremote", "mpremote is missing. Install it: pip install mpremote"),
    (
        "no device found",
        "no board found. Is it plugged in, with a cable that carries data? --port names one that "
        "mpremote doesn't find by itself",
    ),
    (
        "could not enter raw repl",
        "the board doesn't answer. Does it run MicroPython? Reset it and try again",
    ),
    ("No space left on device", "there is no room left on the board"),
    ("OSError: 28", "there is no room left on the board"),
    ("MemoryError", "the board has not enough RAM free"),
    ("SerialException", "the board has gone"),
    ("Input/output error", "the board has gone, or its flash is failing"),
)


class Board:
    """A connected board: the one at port or, if None, the first that mpremote finds.

    The first command stops the board's program; a reset of the board starts it again.
    """

    def __init__(self, port=None):
        self._connect = ["connect", port or "auto"]

    def do(self, *command):
        """Run an mpremote command on the board; return what it prints. Raises Trouble."""
        finished = subprocess.run(
            [sys.executable, "-m", "mpremote", *self._connect, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        if finished.returncode:
            raise Trouble(_explain(finished.stdout + finished.stderr))
        if "resume" not in self._connect:  # from now on without a reset of the interpreter
            self._connect.append("resume")
        return finished.stdout

    def look(self, folder, paths=()):
        """Return the names of the files in a folder, and the SHA-256 of each of the paths.

        The folder "" is the one that the board starts in, and that relative paths begin in.
        """
        hashes = ["+", *_fs("sha256sum", *paths)] if paths else []
        lines = self.do(*_fs("ls", folder), *hashes).splitlines()
        files = len(lines) - len(paths)
        names = {line[13:] for line in lines[:files] if not line.endswith("/")}
        return names, lines[files:]

    def fetch(self, paths, folder):
        """Copy files into a folder on this PC. Return the SHA-256 that each has on the board."""
        return self.do(*_fs("cp", *paths), folder, "+", *_fs("sha256sum", *paths)).splitlines()

    def send(self, file, path):
        """Copy a file from this PC to the board."""
        self.do("fs", "--no-verbose", "cp", str(file), ":" + path)

    def remove(self, path):
        self.do(*_fs("rm", path))


def _fs(command, *paths):
    return ["fs", "--no-verbose", command, *[":" + path for path in paths]]


def _explain(output):
    for sign, meaning in MEANINGS:
        if sign in output:
            return meaning
    lines = [line for line in output.splitlines() if line.strip()]
    return lines[-1].removeprefix("mpremote: ") if lines else "mpremote failed"
