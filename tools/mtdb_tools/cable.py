"""The board at the other end of the cable. mpremote does all the talking."""

import argparse
import importlib.metadata
import os
import re
import shlex
import subprocess
import sys
import sysconfig

from mtdb_tools.command import Trouble, count

DAY = 86_400  # seconds
PATIENCE = 60  # seconds to wait for the board at each step
SLOWEST = 1000  # bytes a second that any board moves
OLDEST = (1, 24)  # the first mpremote that has sha256sum, and copies several files at once

NO_ROOM = (
    "there is no room left on the board. Remove files that it doesn't need: {mpremote} ls, "
    "{mpremote} rm :NAME"
)
MEANINGS = (
    (
        "could not enter raw repl",
        "the board doesn't answer. Does it run MicroPython? Reset it and try again",
    ),
    ("No space left on device", NO_ROOM),
    ("OSError: 28", NO_ROOM),
    ("MemoryError", "the board has not enough RAM free"),
    ("multiple access on port", "{port} has gone, or another program uses it, too"),
    ("SerialException", "{port} has gone"),
    ("Input/output error", "{port} has gone, or the board's flash is failing"),
)
NO_BOARD = (
    "no board found. Is it plugged in, with a cable that carries data? --port names one that "
    "mpremote doesn't find by itself"
)


def add_options(parser, **options):
    """Add to a parser the options that Board() takes."""
    where = "the board's port, if several boards are connected"
    parser.add_argument("--port", help=where, **options)
    patience = f"how long to wait for the board at each step ({PATIENCE})"
    options = {"default": PATIENCE, **options}
    parser.add_argument("--timeout", metavar="SECONDS", type=seconds, help=patience, **options)


def seconds(text):
    value = float(text)
    if not 0 < value <= DAY:
        raise argparse.ArgumentTypeError(f"it must be more than 0 and at most {DAY:,} seconds")
    return value


class NoAnswer(Trouble):
    """The board has stopped answering: to ask it for more would only take time."""


class Board:
    """A connected board: the one at port or, if None, the first that mpremote finds.

    The first command stops the board's program; a reset of the board starts it again.
    """

    def __init__(self, port=None, patience=PATIENCE):
        self._port = port
        self._patience = patience
        self._connect = ["connect", port or "auto"]
        self.mpremote = f"mpremote connect {port}" if port else "mpremote"  # for the user to type
        _must_be_new_enough()

    def do(self, *command, size=0):
        """Run an mpremote command on the board, which moves so many bytes, and return what it
        prints. Raises Trouble."""
        seconds = self._patience + size / SLOWEST
        try:
            finished = run_module("mpremote", *self._connect, *command, timeout=seconds)
        except subprocess.TimeoutExpired:
            waited = count(round(seconds), "second")
            raise NoAnswer(
                f"the board has stopped answering: no answer within {waited}. Reset it and try "
                "again; --timeout makes the wait longer"
            )
        if finished.returncode:
            raise Trouble(self._explain(finished.stdout + finished.stderr))
        if "resume" not in self._connect:  # from now on without a reset of the interpreter
            self._connect.append("resume")
        return finished.stdout

    def look(self, folder, paths=(), size=0):
        """Return {name: size} of what is in a folder, and the SHA-256 of each of the paths.

        The name of a folder in there ends with "/". size is how many bytes there are to read. The
        folder "" is the one that the board starts in, and that relative paths begin in.
        """
        hashes = ["+", *_fs("sha256sum", *paths)] if paths else []
        lines = self.do(*_fs("ls", folder), *hashes, size=size).splitlines()
        files = len(lines) - len(paths)
        # Another program's file may have a line break in its name: the rest of that is left out.
        sizes = {line[13:]: line[:12] for line in lines[:files] if line[:12].strip().isdecimal()}
        return {name: int(size) for name, size in sizes.items()}, lines[files:]

    def fetch(self, paths, folder, size):
        """Copy files of so many bytes together into a folder on this PC. Return the SHA-256 that
        each has on the board."""
        hashes = _fs("sha256sum", *paths)
        return self.do(*_fs("cp", *paths), folder, "+", *hashes, size=2 * size).splitlines()

    def send(self, file, path):
        """Copy a file from this PC to the board."""
        size = os.path.getsize(file)
        self.do("fs", "--no-verbose", "cp", str(file), ":" + path, size=size)

    def remove(self, path):
        self.do(*_fs("rm", path))

    def _explain(self, output):
        if "No module named mpremote" in output:
            return f"{sys.executable} has no mpremote. Install it: {how_to_install('mpremote')}"
        if "failed to access" in output:
            return _no_access(self._port)
        if "no device found" in output:  # which is also said where all ports are in use
            boards = [it.device for it in _ports().values() if it.vid is not None]
            return _in_use(" or ".join(boards)) if boards else NO_BOARD
        for sign, meaning in MEANINGS:
            if sign in output:
                return meaning.format(
                    port=self._port or "the board's port", mpremote=self.mpremote
                )
        lines = [line for line in output.splitlines() if line.strip()]
        return lines[-1].removeprefix("mpremote: ") if lines else "mpremote failed"


def _must_be_new_enough():
    """Raise Trouble if mpremote is too old: it would fail halfway, and say nothing of that."""
    try:
        version = importlib.metadata.version("mpremote")
    except importlib.metadata.PackageNotFoundError:  # told when it is run
        return
    number = re.match(r"(\d+)\.(\d+)", version)
    if number and (0, 0) < tuple(map(int, number.groups())) < OLDEST:  # 0.0 is unknown
        raise Trouble(
            f"mpremote {version} is too old: {OLDEST[0]}.{OLDEST[1]} or newer is needed. "
            f"Install it: {how_to_install('--upgrade mpremote')}"
        )


def run_module(name, *args, timeout=None, cwd=None):
    """Run a Python module as a program; return the finished process."""
    return subprocess.run(
        # -P: the user's folder may have a module of a name that it imports, for a board.
        [sys.executable, "-P", "-m", name, *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        cwd=cwd,
    )


def how_to_install(package):
    """Return the command that installs a package for the Python that runs this."""
    python = shlex.quote(sys.executable)
    command = f"-m pip install {package}"
    # A system's own Python may be one that pip must not install to.
    is_managed = os.path.exists(os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED"))
    if sys.prefix == sys.base_prefix and is_managed:
        new = os.path.join(".venv", "Scripts" if os.name == "nt" else "bin", "python")
        return f"{python} -m venv .venv && {new} {command}, and use {new} instead"
    return f"{python} {command}"


def _fs(command, *paths):
    return ["fs", "--no-verbose", command, *[":" + path for path in paths]]


def _ports():
    from serial.tools.list_ports import comports  # mpremote needs it, too

    return {it.device: it for it in comports()}


def _in_use(port):
    return (
        f"can't open {port}. Does another program use it, a serial monitor or an IDE? On "
        "Linux you may have to be in the group dialout"
    )


def _no_access(port):
    ports = _ports()
    if port in ports or os.path.exists(port):
        return _in_use(port)
    usb = [it for it in ports.values() if it.vid is not None]
    there = ", ".join(f"{it.device} ({it.description})" for it in usb or ports.values())
    if there:
        return f"there is no port {port}. There are: {there}"
    return f"there is no port {port}, and no other. Is the board plugged in, with a data cable?"
