"""Makes tools/ and the modules beside this file importable, and gives tests boards to talk to."""

import sys
from pathlib import Path

import pytest

import interpreter

sys.path[:0] = [str(Path(__file__).parent), str(interpreter.ROOT / "tools")]
from pseudo_board import Board  # noqa: E402


@pytest.fixture
def file_system():
    return "littlefs"


@pytest.fixture
def board(tmp_path, file_system):
    """A board with an empty flash. To have it on FAT: parametrize file_system."""
    with Board(tmp_path, file_system) as board:
        yield board
