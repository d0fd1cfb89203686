"""What runs the behaviour tests on MicroPython tells the truth about them."""

import pytest

import interpreter
import lines
import tracebacks
from support import Oops

TESTS = interpreter.ROOT / "tests"

MODULE = """\
import support


def helper(text):
    assert not text, "why: " + text


def test_passes(path):
    open(path, "w").close()


def test_fails(path):
    print("said before")
    helper("so")


def test_raises(path):
    raise support.Oops("two\\nlines")


def test_folder_is_empty(path):
    import os

    assert os.listdir() == []


@support.only("board", "it is a board that has little RAM")
def test_takes_too_much(path):
    bytearray(1 << 40)


@support.only("cpython", "to see that it is left out")
def test_of_cpython(path):
    assert False


@support.only("board host", "to see that it is not")
def test_of_micropython(path):
    assert False
"""


@pytest.fixture
def tests(tmp_path):
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_some.py").write_text(MODULE)
    return folder


def run_one(tests, name, tmp_path):
    return interpreter.run(
        TESTS / "board.py", "host", "test_some", name, tmp_path, first=tests, cwd=tmp_path
    )


def test_a_test_that_passes(tests, tmp_path):
    process = run_one(tests, "test_passes", tmp_path)
    assert process.returncode == 0
    assert (tmp_path / "my.db").exists()


def test_a_failure_is_shown_as_pytest_shows_any_other(tests, tmp_path):
    process = run_one(tests, "test_fails", tmp_path)
    assert process.returncode == 1
    assert process.stdout == "said before\n"
    first, traceback = process.stderr.split("\n", 1)
    assert first == "Traceback (most recent call last):"
    error = tracebacks.raised_like(traceback)
    assert isinstance(error, AssertionError)
    shown = str(pytest.ExceptionInfo.from_exception(error).getrepr())
    assert ">       helper(" in shown or '>       helper("so")' in shown
    assert '>       assert not text, "why: " + text\n' in shown
    assert "E       AssertionError: why: so\n" in shown
    assert "test_some.py:5: AssertionError" in shown
    assert "board.py" not in shown


def test_an_exception_of_the_tests_own_is_shown_too(tests, tmp_path):
    process = run_one(tests, "test_raises", tmp_path)
    error = tracebacks.raised_like(process.stderr.split("\n", 1)[1])
    assert type(error).__name__ == Oops.__name__
    assert str(error) == "two\nlines"


def test_all_tests_can_be_run_on_a_board(tests, tmp_path):
    program = f"import board; board.run_all({str(tmp_path / 'scratch')!r}, {str(tests)!r})"
    process = interpreter.run("-c", program, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    said = process.stdout.splitlines()
    results = [line.split()[:2] for line in said if line.startswith(("ok ", "FAIL ", "skip "))]
    assert results == [
        ["FAIL", "test_some.test_fails"],
        ["ok", "test_some.test_folder_is_empty"],
        ["FAIL", "test_some.test_of_micropython"],
        ["ok", "test_some.test_passes"],
        ["FAIL", "test_some.test_raises"],
        ["skip", "test_some.test_takes_too_much:"],
    ]
    assert "AssertionError: why: so" in said
    assert said[-2:] == ["1 skipped: the board has too little RAM", "2 passed, 3 failed"]
    assert not (tmp_path / "scratch").exists()


BRANCHES = '''\
"""A module."""


def sign(n):
    """Its docstring."""
    if n < 0:
        return -1
    elif n:
        return 1
    try:
        1 / n
    except ZeroDivisionError:
        return (
            0
        )
    finally:
        n = None
    return None


sign(0)
'''


def test_the_lines_that_micropython_runs_are_found(tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    (tmp_path / "source").mkdir()
    source = tmp_path / "source" / "branches.py"
    source.write_text(BRANCHES)
    copy = lines.MarkedCopy(source, folder)
    process = interpreter.run("-c", "import branches", first=folder, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert copy.lines() == {4, 6, 8, 10, 11, 12, 13, 17, 21}
    marked = copy.path.read_text().splitlines()
    assert copy.line(marked.index("        1 / n") + 1) == 11
    assert copy.line(len(marked)) == 21
