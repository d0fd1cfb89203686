"""tools/examples/boot_anyhow.py: the device boots, and the broken files are there for the PC."""

import subprocess

import pytest

import interpreter
from recipes import environment

CASES = ("data", "log", "tip", "missing", "no backup", "both")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["littlefs", "fat"])
def test_power_cuts_in_the_recovery_lose_nothing(kind, case):
    command = [interpreter.find(), "-X", "heapsize=16M", "tests/recipes/boot_cuts.py", kind, case]
    process = subprocess.run(
        command,
        cwd=interpreter.ROOT,
        env=environment(interpreter.ROOT / "tests"),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    cuts, second_cuts = (int(word) for word in process.stdout.split() if word.isdigit())
    assert cuts > 10
    assert second_cuts > 10
