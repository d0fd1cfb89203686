"""What the tests of the recipes share: a recipe's functions, called on either runtime."""

import os
import shutil
import socket
import subprocess
import sys

import pytest

import interpreter

FOLDER = interpreter.ROOT / "tools" / "examples"
RUNTIMES = ("cpython", "micropython")
HOW_TO_INSTALL = "python3 tools/check.py --recipes installs mosquitto and chromium for this"
MODULES = [FOLDER, interpreter.ROOT, interpreter.ROOT / "tests" / "recipes"]


def needs(*programs):
    """Skip the test unless those programs, from Debian's packages, are there."""
    if not all(shutil.which(program, path=search_path()) for program in programs):
        pytest.skip(HOW_TO_INSTALL)


def search_path():
    """Debian has its servers where only root looks for programs."""
    return os.environ["PATH"] + ":/usr/sbin"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(runtime, *arguments):
    if runtime == "cpython":
        return [sys.executable, "-W", "error", *map(str, arguments)]
    return [interpreter.find(), "-X", "heapsize=4M", *map(str, arguments)]


def environment(*folders):
    """What a program needs to import the recipes, the library and what is in those folders."""
    path = os.pathsep.join(map(str, [*MODULES, *folders]))
    return dict(os.environ, PYTHONPATH=path, MICROPYPATH=path + ":.frozen", PYTHONUNBUFFERED="1")


def run(runtime, program, folder, *modules):
    """Run a program, given as text, in a folder; return the lines it prints.

    modules are more folders to import from.
    """
    process = subprocess.run(
        command(runtime, "-c", program),
        cwd=folder,
        env=environment(*modules),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout.splitlines()
