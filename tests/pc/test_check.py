"""tools/check.py and the like: they say what they do before they do it."""

import shutil
import subprocess
import sys

import pytest

import interpreter


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_only_helps(option, tmp_path):
    """It installs nothing, and runs nothing: the copy has no environment to run it in."""
    (tmp_path / "tools").mkdir()
    shutil.copy(interpreter.ROOT / "tools" / "check.py", tmp_path / "tools")
    command = [sys.executable, tmp_path / "tools" / "check.py", "-k", "littlefs", option]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (process.returncode, process.stderr) == (0, "")
    for words in "check.py --pico", "--interpreters", "what follows goes to pytest":
        assert words in process.stdout
    assert [file.name for file in tmp_path.iterdir()] == ["tools"]


@pytest.mark.parametrize("name", ["bench", "deploy", "import_cost", "mtdb", "release"])
def test_help_of_the_other_tools(name):
    must_only_help(interpreter.ROOT / "tools" / f"{name}.py")


def test_help_of_the_table_of_faults():
    must_only_help(interpreter.ROOT / "tests" / "sweeps" / "table.py")


def must_only_help(program):
    command = [sys.executable, program, "--help"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith(f"usage: {program.name}")
