"""tools/check.py: it says what it does before it does it."""

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
