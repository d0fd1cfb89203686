"""Makes tools/ and the modules beside this file importable, and gives tests boards to talk to."""

import sys

import pytest

import interpreter

TESTS = interpreter.ROOT / "tests"
sys.path[:0] = [str(TESTS / "pc"), str(TESTS / "pico"), str(interpreter.ROOT / "tools")]
import emulator  # noqa: E402
from pseudo_board import Board  # noqa: E402


@pytest.fixture
def file_system():
    return "littlefs"


@pytest.fixture
def board(tmp_path):
    """A board with an empty flash: the emulated Pico if it is built, else the pseudo-board."""
    with emulator.Pico(tmp_path) if emulator.IS_BUILT else Board(tmp_path) as board:
        yield board


@pytest.fixture
def pseudo_board(tmp_path, file_system):
    """A board for what the emulated Pico hasn't: FAT (parametrize file_system), a second core, or
    a small flash that is soon full."""
    with Board(tmp_path, file_system) as board:
        yield board
