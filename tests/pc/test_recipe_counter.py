"""tools/examples/counter.py: the figures that its table of years is computed from are measured."""

import runpy

import interpreter
from recipes import FOLDER, run

counter = runpy.run_path(str(FOLDER / "counter.py"))


def measured():
    process = interpreter.run("tests/recipes/wear.py", 30000, heap="4M", cwd=interpreter.ROOT)
    assert process.returncode == 0, process.stdout + process.stderr
    return [[float(cell) for cell in line.split()] for line in process.stdout.splitlines()[1:]]


def test_a_write_takes_no_more_erases_and_no_block_more_of_them_than_the_table_assumes():
    rows = measured()
    assert [row[0] for row in rows] == [256, 256, 32]
    for _, _, erases_per_write, mean, most in rows:
        assert 0.03 < erases_per_write <= counter["ERASES_PER_WRITE"]
        assert mean <= most <= mean * counter["UNEVEN"]
        assert most > 100  # littlefs has come round at least once


def test_the_years_are_computed_from_them():
    erases = counter["years"](348, 1) * 365.25 * 24 * 3600 * 0.17 * 1.7
    assert abs(erases - 348 * 100000) < 1
    assert counter["years"](348, 60) / counter["years"](348, 1) > 59.9


ON_A_PYBOARD = """
import os

import counter
import flash

counter.sys = type("", (), {"platform": "pyboard"})
chip = flash.Flash()
os.VfsLfs2.mkfs(chip)
os.mount(os.VfsLfs2(chip), "/flash")
os.umount("/")
os.chdir("/flash")
print(counter.free_blocks())
"""


def test_the_free_blocks_are_those_of_the_folder_that_the_board_starts_in(tmp_path):
    """On some boards / has only the folders in which flash and card are."""
    (free,) = run("micropython", ON_A_PYBOARD, tmp_path, interpreter.ROOT / "tests")
    assert int(free) == 62
