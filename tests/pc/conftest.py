"""Makes tools/ and the modules beside this file importable, and gives tests boards to talk to."""

import subprocess
import sys
from pathlib import Path

import pytest

import interpreter

sys.path[:0] = [str(Path(__file__).parent), str(interpreter.ROOT / "tools")]
from pseudo_board import PseudoBoard  # noqa: E402


class Board(PseudoBoard):
    """A pseudo-board that a test talks to by mpremote."""

    def mpremote(self, *command):
        """Run an mpremote command, which must succeed; return what it prints."""
        process = subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", self.port, *map(str, command)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    def files(self):
        """Return {name: size} of the files on the board."""
        lines = self.mpremote("fs", "--no-verbose", "ls", ":").splitlines()
        return {line[13:]: int(line[:12]) for line in lines}


@pytest.fixture
def file_system():
    return "littlefs"


@pytest.fixture
def board(tmp_path, file_system):
    """A board with an empty flash. To have it on FAT: parametrize file_system."""
    with Board(tmp_path, file_system) as board:
        yield board
