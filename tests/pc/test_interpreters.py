"""The table of the behaviours on other MicroPythons says what passed, and what did not."""

import sys

import interpreter
import interpreters

ONE_TEST = "-k", "test_basic_operations"


def test_the_table_names_the_interpreter_and_counts(capsys):
    assert interpreters.check(sys.executable, [interpreter.find()], ONE_TEST) == 0
    about = interpreter.about()
    row, total = capsys.readouterr().out.splitlines()[2::2]
    assert row.startswith(f"| {interpreter.find()} | ")
    assert row.endswith(f" | {about.bits} | {about.float_bits} | yes | 3 | 0 |")
    assert total == "3 passed, 0 failed"


def test_what_fails_is_shown_and_counted(capsys, tmp_path):
    """The tests fail for want of memory."""
    small = tmp_path / "small"
    small.write_text(f'#!/bin/sh\nexec {interpreter.find()} -X heapsize=40K "$@"\n')
    small.chmod(0o755)
    assert interpreters.check(sys.executable, [small], ONE_TEST) != 0
    shown = capsys.readouterr().out.splitlines()
    assert "MemoryError" in "\n".join(shown)
    assert shown[-3].endswith(" | yes | 0 | 3 |")
    assert shown[-1] == "0 passed, 3 failed"


def test_a_run_that_is_killed_beside_one_that_is_not_is_no_success(capsys, tmp_path):
    """Its exit status is negative, and it has counted nothing."""
    for name, program in (
        ("python", '[ "${MICROPYTHON##*/}" = fine ] || kill -9 $$'),
        ("fine", f'exec {interpreter.find()} "$@"'),
        ("killed", f'exec {interpreter.find()} "$@"'),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / name).chmod(0o755)
    python, *both = (tmp_path / name for name in ("python", "fine", "killed"))
    assert interpreters.check(python, both) not in (0, None)
    assert interpreters.check(python, both[:1]) == 0
