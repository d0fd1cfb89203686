"""The emulated Pico is the same each time, however busy the PC is, and says where it hangs."""

import emulator
import pytest

pytestmark = pytest.mark.skipif(not emulator.IS_BUILT, reason=emulator.HOW_TO_BUILD)

WRITES = """
import machine, time

for i in range(3):
    with open("some%d" % i, "w") as file:
        file.write("text" * 100)
    machine.mem32[0x50900000] = i + 1
print(time.ticks_us(), machine.mem32[0x5090000C])
"""

VERSION = """
import os

print(os.uname().version)
"""

WAITS = """
import time

print("so far")
while True:
    time.sleep(1)
"""

RESETS = """
import machine

mark = machine.mem32[0x50900008] + 1
machine.mem32[0x50900000] = mark
print(mark)
if mark < 3:
    machine.soft_reset()
machine.reset()
"""


@pytest.fixture
def program(tmp_path):
    def write(text):
        path = tmp_path / "main.py"
        path.write_text(text)
        return path

    return write


def test_a_program_runs_the_same_each_time(program, tmp_path):
    def run(name):
        folder = tmp_path / name
        folder.mkdir()
        run = emulator.Run(program(WRITES), images=(folder, 2), keep=folder / "kept.bin")
        return vars(run), {file.name: file.read_bytes() for file in folder.iterdir()}

    first, second = run("first"), run("second")
    assert len(first[1]) > 4
    assert first == second


def test_the_firmware_says_the_version_of_micropython(program):
    version = emulator.Run(program(VERSION)).output
    assert version.startswith("v1."), "did build.sh take the version of another repository?"


def test_one_that_never_ends_is_told_with_what_it_said(program):
    with pytest.raises(RuntimeError, match="so far\n\nThe program has not ended within 5000 ms"):
        emulator.Run(program(WAITS), late=5000)


def test_one_that_is_ended_from_outside_is_told_with_what_it_said(program):
    with pytest.raises(RuntimeError, match=r"not ended within 15 s(?s:.)*\nso far\n$"):
        emulator.Run(program(WAITS.replace("time.sleep(1)", "pass")), timeout=15)


def test_a_program_runs_again_after_a_soft_reset_and_ends_with_a_reset(program):
    run = emulator.Run(program(RESETS))
    assert run.output == "1\nMPY: soft reboot\n2\nMPY: soft reboot\n3\n"
    assert (run.how, run.mark) == ("reset", 3)
