"""The behaviour tests of tests/ run on a board with the command that tests/board.py names."""

import re

import interpreter


def test_all_behaviours_on_a_board(board):
    output = board.mpremote("mount", interpreter.ROOT, "run", interpreter.ROOT / "tests/board.py")
    assert re.findall(r"^FAIL .*\n(?:Traceback.*\n|  .*\n|\w*Error.*\n)*", output, re.M) == []
    passed, failed = re.search(r"^(\d+) passed, (\d+) failed$", output, re.M).groups()
    assert int(failed) == 0
    assert int(passed) > 50
    assert board.files() == {}
