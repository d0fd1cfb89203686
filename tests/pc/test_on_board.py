"""The behaviour tests of tests/ run on a board with the command that tests/board.py names."""

import os
import re

import emulator
import pytest
from pseudo_board import Board

import interpreter

PROGRAM = interpreter.ROOT / "tests" / "board.py"
# What the emulated Pico runs each time: it takes minutes for a test that reopens files by the
# hundred. With SWEEPS=long it runs all, as the pseudo-board does.
QUICK = "test_bad_input", "test_blocks", "test_in_place", "test_misuse", "test_values"


def check(board, *command):
    output = board.mpremote("mount", interpreter.ROOT, *command)
    assert re.findall(r"^FAIL .*\n(?:Traceback.*\n|  .*\n|\w*Error.*\n)*", output, re.M) == []
    passed, failed = re.search(r"^(\d+) passed, (\d+) failed$", output, re.M).groups()
    assert int(failed) == 0
    assert board.files() == {}
    return int(passed)


def test_all_behaviours_on_a_board(tmp_path):
    with Board(tmp_path) as board:
        assert check(board, "run", PROGRAM) > 50


@pytest.mark.skipif(not emulator.IS_BUILT, reason=emulator.HOW_TO_BUILD)
def test_behaviours_on_the_real_firmware(tmp_path):
    with emulator.Pico(tmp_path) as board:
        if os.environ.get("SWEEPS") == "long":
            assert check(board, "run", PROGRAM) > 50
        else:
            code = f"import board; board.run_all('/mtdb_tests', wanted={QUICK})"
            assert check(board, "exec", f"import sys; sys.path.append('tests'); {code}") > 30
