"""The counted figures of tools/bench.py: each reaches its target. No times, for they vary.

Those that don't yet, so that bench.py prints NO for them, must not get worse than they are.
"""

import pytest

import bench

COUNTED = [figure for figure in bench.FIGURES if not figure.timed]


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return bench.Board(tmp_path_factory.mktemp("bench"))


@pytest.mark.parametrize("figure", COUNTED, ids=lambda figure: figure.name)
def test_figure(board, figure):
    assert figure.misses(board, figure.reached) == []


def test_a_missed_target_shows(board):
    figure = bench.Figure("keys", (2, 5), lambda board: [2, 6, 5, 7])
    assert figure.misses(board) == [(6, 5), (7, 5)]
    assert figure.row(board)[3] == "NO"
