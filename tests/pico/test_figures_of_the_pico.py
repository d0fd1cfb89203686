"""The counted figures of tools/bench.py on the emulated Pico: erases, bytes, heap. No times.

Those that don't reach their target yet must not get worse than they are.
"""

import re

import emulator
import pytest

from benchmarks import pico, profile

pytestmark = pytest.mark.skipif(not emulator.IS_BUILT, reason=emulator.HOW_TO_BUILD)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    return pico.Pico(tmp_path_factory.mktemp("bench"))


@pytest.mark.parametrize("figure", pico.COUNTS, ids=lambda figure: figure.name)
def test_figure(board, figure):
    assert figure.misses(board, figure.reached) == []


def test_a_profile_accounts_for_all_of_the_time(board):
    found = profile.measured(board, profile.Firmware(), 10).profile
    assert sum(stretch["count"] for stretch in found.values()) == 300  # writes
    for stretch in found.values():
        for own in (function["own"] for function in stretch["python"]):
            assert own > 0
        by_python = sum(function["own"] for function in stretch["python"])
        by_c = sum(function["time"] for function in stretch["c"])
        assert by_python == pytest.approx(stretch["time"], rel=1e-6)
        assert by_c == pytest.approx(stretch["time"], rel=1e-6)


def test_a_profile_names_what_takes_the_time(board):
    text = profile.tables(board, 10)
    for name in (
        "MicroTetherDB.__setitem__",
        "littlefs",
        "lfs2_crc",
        "open()",
        "waits for the flash chip",
    ):
        assert f"| {name} " in text
    row = re.search(r"^\| MicroTetherDB.__setitem__ .*$", text, re.M)[0]
    assert row.endswith(" 1.0 |")  # calls, per write
