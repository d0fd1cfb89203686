"""tools/check.py and the like: they say what they do before they do it."""

import shutil
import struct
import subprocess
import sys

import emulator
import pytest

import interpreter

TOOLS = interpreter.ROOT / "tools"


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


@pytest.mark.parametrize("name", ["bench", "import_cost"])
def test_help_where_nothing_is_installed(name):
    must_only_help(TOOLS / f"{name}.py", "-S")  # -S: without what is installed


def must_only_help(program, *options):
    command = [sys.executable, *options, program, "--help"]
    process = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout.startswith(f"usage: {program.name}")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["bench.py", "--micropython", "/nope", "memory"], "/nope is no MicroPython"),
        (["bench.py", "--micropython", "/bin/true", "memory"], "/bin/true is no MicroPython"),
        (["bench.py", "--profile", "--keys", "-5"], "-5 is no number of keys"),
        (["bench.py", "--profile", "--keys", "0"], "0 is no number of keys"),
        (["bench.py", "--profile", "flash"], "--profile prints a profile, and no section"),
        (["import_cost.py", "/bin/true"], "/bin/true is no MicroPython"),
    ],
)
def test_what_is_wrong_is_told_at_once(arguments, told):
    check_refused([TOOLS / arguments[0], *arguments[1:]], told)


def test_what_has_to_be_installed_is_told():
    """In a way that works with the pip of a fresh environment, which may know no --group."""
    check_refused(["-S", TOOLS / "bench.py"], interpreter.HOW_TO_INSTALL)
    assert "--group" not in interpreter.HOW_TO_INSTALL


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--interpreter", "/bin/true"], "/bin/true is no MicroPython"),
        (["--interpreter", sys.executable], f"{sys.executable} is no MicroPython"),
        (["--interpreter", "/nope"], "/nope is no MicroPython"),
        (["--firmware", "/nope.uf2"], "/nope.uf2: No such file or directory"),
        (["--firmware", __file__], f"{__file__} is no firmware of a Pico"),
    ],
)
def test_check_tells_what_is_wrong_before_it_does_anything(arguments, told, tmp_path):
    """It is a copy, so that it could do no harm."""
    for folder in "tools", "tests":
        shutil.copytree(interpreter.ROOT / folder, tmp_path / folder)
    check_refused([tmp_path / "tools" / "check.py", *arguments], told)
    assert {file.name for file in tmp_path.iterdir()} == {"tools", "tests"}


def check_refused(arguments, told):
    command = [sys.executable, *arguments]
    process = subprocess.run(
        command, cwd=interpreter.ROOT, capture_output=True, text=True, timeout=60
    )
    assert process.returncode not in (0, None)
    assert process.stdout == ""
    *usage, line = process.stderr.splitlines()
    assert told in line
    assert usage == [] or usage[0].startswith("usage: "), process.stderr


def test_firmware_of_a_pico_is_known_from_other_files(tmp_path):
    uf2 = tmp_path / "firmware.uf2"
    for family, right in (0xE48BFF56, True), (0xE48BFF59, False):  # RP2040, RP2350
        head = 0x0A324655, 0x9E5D5157, 0x2000, 0x10000000, 256, 0, 1, family
        uf2.write_bytes(struct.pack("<8I", *head).ljust(512, b"\0"))
        assert emulator.is_firmware(uf2.read_bytes()) == right
    vectors = struct.pack("<2I", 0x20042000, 0x100001F7)
    assert emulator.is_firmware((bytes(256) + vectors).ljust(512, b"\0"))
    assert not emulator.is_firmware(bytes(1000)) and not emulator.is_firmware(b"")
    if emulator.IS_BUILT:
        assert emulator.is_firmware((emulator.FOLDER / "firmware.bin").read_bytes())
