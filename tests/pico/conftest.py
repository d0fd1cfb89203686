"""Makes the sweeps' workload and the emulator importable, and what several files of tests need."""

import sys

import pytest

import interpreter

TESTS = interpreter.ROOT / "tests"
sys.path[:0] = [str(TESTS / "pico"), str(TESTS / "sweeps")]
WORKLOAD = TESTS / "values.py", TESTS / "sweeps" / "workload.py"


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """The module as deploy.py brings it to a board. To compile it there takes seconds each time
    that the board boots."""
    from benchmarks.unix_port import compile_library

    mpy = tmp_path_factory.mktemp("library") / "MicroTetherDB.mpy"
    compile_library(mpy)
    return mpy


@pytest.fixture(scope="session")
def flash(library, tmp_path_factory):
    """The flash of a board that has the module and the workload on it."""
    import emulator

    file = tmp_path_factory.mktemp("pico") / "flash.bin"
    empty = file.with_name("main.py")
    empty.write_text("")
    emulator.Run(empty, library, *WORKLOAD, keep=file)
    return file
