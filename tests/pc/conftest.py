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
def board(tmp_path, file_system):
    """A board with an empty flash: the emulated Pico if it is built, else the pseudo-board.

    To have it on FAT, which the Pico has not: parametrize file_system.
    """
    is_pico = emulator.IS_BUILT and file_system == "littlefs"
    with emulator.Pico(tmp_path) if is_pico else Board(tmp_path, file_system) as board:
        yield board
