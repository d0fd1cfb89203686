"""The behaviour tests of tests/ run on a board with the command that tests/board.py names."""

import re

import emulator
import pytest
from pseudo_board import Board

import interpreter
from benchmarks.unix_port import compile_library

TESTS = interpreter.ROOT / "tests"
PROGRAM = TESTS / "board.py"
# What the emulated Pico runs: it has no second core, so no threads; and it takes minutes for a
# test that reopens files by the hundred.
ON_PICO = (
    "test_bad_input",
    "test_blocks",
    "test_in_place",
    "test_mapping",
    "test_opening",
    "test_plain",
    "test_sharing",
)


def check(board, folder, *command):
    mpy = folder / "MicroTetherDB.mpy"
    compile_library(mpy)
    board.mpremote("cp", mpy, ":")
    output = board.mpremote("mount", TESTS, *command)
    assert re.findall("^skip .*", output, re.M) == []
    assert re.findall(r"^FAIL .*\n(?:Traceback.*\n|  .*\n|\w*Error.*\n)*", output, re.M) == []
    passed, failed = re.search(r"^(\d+) passed, (\d+) failed$", output, re.M).groups()
    assert int(passed) > 50
    assert int(failed) == 0
    assert list(board.files()) == [mpy.name]


def test_all_behaviours_on_a_board(tmp_path):
    with Board(tmp_path) as board:
        check(board, tmp_path, "run", PROGRAM)


@pytest.mark.skipif(not emulator.IS_BUILT, reason=emulator.HOW_TO_BUILD)
def test_behaviours_on_the_real_firmware(tmp_path):
    code = f"import board; board.run_all('/mtdb_tests', wanted={ON_PICO})"
    with emulator.Pico(tmp_path) as board:
        check(board, tmp_path, "exec", code)
