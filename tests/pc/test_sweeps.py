"""Runs the fault sweeps of tests/sweeps/, side by side on all cores.

SWEEPS=long in the environment tries each at every place, for an hour or two; else those that would
take long are tried at some of the places only. A sweep that finds a fault says what command tries
that place alone.
"""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest

import interpreter

LONG = os.environ.get("SWEEPS") == "long"


def micropython(heap, script, **options):
    return [interpreter.find(), "-X", f"heapsize={heap}", *command(script, options)]


def cpython(script, **options):
    return [sys.executable, *command(script, options)]


def command(script, options):
    return [f"tests/sweeps/{script}.py", *(f"{name}={value}" for name, value in options.items())]


def every(n):
    """Where only every n-th place is tried in the short run."""
    return 1 if LONG else n


SWEEPS = {
    "cut-lfs32": micropython("4M", "cut", fs="lfs32", every=every(10)),
    "cut-lfs256": micropython("4M", "cut", fs="lfs256"),
    "cut-fat": micropython("4M", "cut", fs="fat"),
    "fail-lfs256": micropython("4M", "fail", fs="lfs256", every=every(8)),
    "fail-fat": micropython("4M", "fail", fs="fat", every=every(8)),
    "fail-cpython": cpython("fail", every=every(4)),
    "ctrl-c": cpython("ctrl_c", every=every(97)),
    "memory": micropython("768K", "memory", fs="lfs256", every=every(8)),
    "threads-micropython": micropython("8M", "threads", rounds=1000 if LONG else 100),
    "threads-cpython": cpython("threads", rounds=1000 if LONG else 100),
    "damage-micropython": micropython("4M", "damage", count=100000 if LONG else 5000),
    "damage-cpython": cpython("damage", count=100000 if LONG else 5000),
    "walk-lfs256": micropython("4M", "walk", fs="lfs256", steps=200000 if LONG else 10000),
    "walk-lfs32": micropython("4M", "walk", fs="lfs32", steps=200000 if LONG else 10000),
    "walk-fat": micropython("4M", "walk", fs="fat", steps=200000 if LONG else 10000),
}


def run(name, folder):
    return subprocess.run(
        SWEEPS[name],
        cwd=interpreter.ROOT,
        env=dict(os.environ, TMPDIR=folder),
        capture_output=True,
        text=True,
        timeout=36000 if LONG else 900,
    )


@pytest.fixture(scope="module")
def sweeps(request):
    """The sweeps that were asked for, all started: {name: Future of the finished process}."""
    names = [
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path and "name" in item.callspec.params
    ]
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a disk's fsync takes too long
    with (
        tempfile.TemporaryDirectory(dir=memory) as folder,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        yield {name: pool.submit(run, name, folder) for name in names}


@pytest.mark.parametrize("name", SWEEPS)
def test_sweep(name, sweeps, capsys):
    process = sweeps[name].result()
    if process.returncode:
        pytest.fail(process.stdout + process.stderr, pytrace=False)
    with capsys.disabled():
        print("\n" + process.stdout.splitlines()[-1], end=" ")
