"""The behaviour tests of tests/ run on a board with the command that tests/board.py names."""

import re

import interpreter


def test_all_behaviours_on_a_board(board):
    output = board.mpremote("mount", interpreter.ROOT, "run", interpreter.ROOT / "tests/board.py")
    assert "FAIL" not in output, output
    passed, failed = re.search(r"^(\d+) passed, (\d+) failed$", output, re.MULTILINE).groups()
    assert int(failed) == 0
    assert int(passed) > 50
    assert board.files() == {}
