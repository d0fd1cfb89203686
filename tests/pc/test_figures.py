"""The counted figures of tools/bench.py: each reaches its target. No times, for they vary.

Those that don't yet, so that bench.py writes NO for them, must not get worse than they are.
"""

import tempfile

import pytest

from benchmarks import flash, memory, page
from benchmarks.figures import Figure, text
from benchmarks.unix_port import UnixPort

COUNTED = [figure for figure in flash.FIGURES + memory.FIGURES if not figure.timed]


@pytest.fixture(scope="module")
def port():
    # As bench.py does: the paths are in the heap that is measured, so they must be as long.
    with tempfile.TemporaryDirectory() as folder:
        yield UnixPort(folder)


@pytest.mark.parametrize("figure", COUNTED, ids=lambda figure: figure.name)
def test_figure(port, figure):
    assert figure.misses(port, figure.reached) == []


def test_a_missed_target_shows(port):
    figure = Figure("keys", "2, 5", (2, 5), lambda board: [2, 6, 5, 7])
    assert figure.misses(port) == [(6, 5), (7, 5)]
    assert "NO" in figure.row(port)
    assert "yes" in Figure("keys", "2", (2,), lambda board: [2]).row(port)


def test_numbers_have_three_digits_and_counts_are_whole():
    assert text([1234, 1234.5, 12.34, 1.234, 0.05]) == "1,234 / 1,234 / 12.3 / 1.23 / 0.05"


def test_only_what_is_between_the_marks_of_a_section_is_written():
    before = "a\n<!-- bench.py writes: x -->\nold\n<!-- end -->\nb\n<!-- bench.py writes: y -->\n"
    before += "\n<!-- end -->\n"
    after = before.replace("old", "\nnew \\1\n")
    assert page.with_section(before, "x", "new \\1") == after
    assert page.with_section(after, "x", "new \\1") == after
    assert page.with_section(before, "z", "new") is None


def test_bench_md_has_a_place_for_each_section():
    text = page.PAGES[0].read_text(encoding="utf-8")
    for section in ("pico", "flash", "memory", "times"):
        assert page.with_section(text, section, "") is not None
