"""Runs the fault sweeps of tests/sweeps/, side by side on all cores.

SWEEPS=long in the environment tries each at every place, for some hours; else those that would
take long are tried at some of the places only. A sweep that finds a fault says what command tries
that place alone. `python tests/sweeps/table.py` makes the table in tests/README.md of what they
print.
"""

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

import interpreter

sys.path.append(str(interpreter.ROOT / "tests/sweeps"))
import table  # noqa: E402

LONG = os.environ.get("SWEEPS") == "long"
TIMEOUT = 36000 if LONG else 900  # seconds

CHIPS = {
    "lfs256": "littlefs, progsize 256",
    "lfs32": "littlefs, progsize 32",
    "fat": "FAT",
    "micropython": "MicroPython",
    "cpython": "CPython",
}
HEAPS = {"memory": "896K", "threads": "8M", "two": "8M", "tasks": "8M", "callbacks": "8M"}

# What each sweep tries: the first column of the table.
FAULTS = {
    "cut": "power cut at each operation of the chip: before it, half done, left erased; and again "
    "at each operation of the recovery",
    "fail": "each call of the file system fails once: disk full, I/O error, no memory, Ctrl-C; "
    "instead of the call or after it",
    "room": "one fault of the file system or of its chip, where there is less room than the data "
    "takes",
    "ctrl_c": "Ctrl-C at the module's branches",
    "callbacks": "a callback that reads, writes, opens or closes, anywhere in the module",
    "memory": "memory runs out: 0 to 8,192 bytes free, in one piece or scattered",
    "threads": "eight threads on one database",
    "two": "two threads with a database each, two more that open, take over and close a third",
    "tasks": "blocks misused by tasks, generators and threads: ended in any order, entered twice",
    "programs": "programs that open, close, fork and are killed, with one database",
    "damage": "files damaged: flipped, cut, repeated, zeroed, missing, swapped, of another time "
    "or database",
    "walk": "anything in any order, with power cuts, beside a plain dict",
}


def either(short, long):
    return long if LONG else short


class Sweep(NamedTuple):
    script: str
    on: str
    options: dict

    def command(self):
        script = f"tests/sweeps/{self.script}.py"
        options = dict(self.options)
        if self.on in ("lfs256", "lfs32", "fat"):
            options["fs"] = self.on
        # ctrl_c.py starts MicroPython itself.
        if self.on == "cpython" or self.script == "ctrl_c":
            start = [sys.executable]
        else:
            start = [interpreter.find(), "-X", f"heapsize={HEAPS.get(self.script, '4M')}"]
        return [*start, script, *(f"{name}={value}" for name, value in options.items())]


SWEEPS = [
    Sweep("cut", "lfs32", {"every": either(10, 1)}),
    Sweep("cut", "lfs256", {}),
    Sweep("cut", "fat", {}),
    Sweep("fail", "lfs256", {"every": either(8, 1)}),
    Sweep("fail", "fat", {"every": either(8, 1)}),
    Sweep("fail", "cpython", {"every": either(4, 1)}),
    Sweep("room", "lfs256", {"every": either(32, 1)}),
    Sweep("room", "lfs32", {"every": either(32, 1)}),
    Sweep("room", "fat", {"every": either(32, 1)}),
    Sweep("ctrl_c", "micropython", {"every": either(97, 1)}),
    Sweep("callbacks", "lfs256", {"every": 97, "runs": either(10, 97)}),
    Sweep("callbacks", "fat", {"every": 97, "runs": either(10, 97)}),
    Sweep("callbacks", "cpython", {"every": 499, "runs": either(25, 499)}),
    Sweep("memory", "lfs256", {"every": either(8, 1)}),
    Sweep("threads", "micropython", {"rounds": either(100, 1000)}),
    Sweep("threads", "cpython", {"rounds": either(100, 1000)}),
    Sweep("two", "micropython", {"rounds": either(40, 1000)}),
    Sweep("two", "cpython", {"rounds": either(40, 1000)}),
    Sweep("tasks", "micropython", {"count": either(300, 10000)}),
    Sweep("tasks", "cpython", {"count": either(300, 10000)}),
    Sweep("programs", "cpython", {"kills": either(60, 2000)}),
    Sweep("damage", "micropython", {"count": either(5000, 100000)}),
    Sweep("damage", "cpython", {"count": either(5000, 100000)}),
    Sweep("walk", "lfs256", {"steps": either(10000, 200000)}),
    Sweep("walk", "lfs32", {"steps": either(10000, 200000)}),
    Sweep("walk", "fat", {"steps": either(10000, 200000)}),
]
ALL = {f"{sweep.script}-{sweep.on}".replace("_", "-"): sweep for sweep in SWEEPS}


def run(name, folder):
    """Run a sweep; return its exit status and what it has printed."""
    try:
        process = subprocess.run(
            ALL[name].command(),
            cwd=interpreter.ROOT,
            env=dict(os.environ, TMPDIR=folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"").decode(errors="replace")
        return "timeout", f"{said}It hangs: {TIMEOUT} seconds have passed\n"
    return process.returncode, process.stdout


@pytest.fixture(scope="module")
def sweeps(request):
    """The sweeps that were asked for, all started: {name: Future of run()}."""
    names = [
        item.callspec.params["name"]
        for item in request.session.items
        if item.path == request.path and "sweeps" in item.fixturenames
    ]
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None  # a disk's fsync takes too long
    with (
        tempfile.TemporaryDirectory(dir=memory) as folder,
        ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        yield {name: pool.submit(run, name, folder) for name in names}


@pytest.mark.parametrize("name", ALL)
def test_sweep(name, sweeps, record_property):
    status, said = sweeps[name].result()
    if status:
        pytest.fail(said, pytrace=False)
    line = said.splitlines()[-1]
    record_property("fault", FAULTS[ALL[name].script])
    record_property("on", CHIPS[ALL[name].on])
    record_property("tried", re.sub(r"^\w+: ", "", line))


@pytest.mark.parametrize("runtime", ["cpython", "micropython"])
@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("coutn=3", "there is no option coutn: count, first, tip"),
        ("5", "there is no option 5: count, first, tip"),
        ("count=x", "count=x: that must be a number"),
    ],
)
def test_an_option_that_is_wrong_is_told(runtime, option, told):
    start = [sys.executable] if runtime == "cpython" else [interpreter.find()]
    check_refused([*start, "tests/sweeps/damage.py", option], told)


@pytest.mark.parametrize(
    ("sweep", "told"),
    [
        (["cut.py", "fs=foo"], "there is no chip foo: lfs256, lfs32, fat"),
        (["fail.py", "fs=foo"], "there is no chip foo: lfs256, lfs32, fat"),
        (["cut.py", "every=0"], "every=0: the least is 1"),
        (["ctrl_c.py", "last=50"], "start it with CPython: python tests/sweeps/ctrl_c.py"),
    ],
)
def test_what_cannot_be_tried_on_micropython_is_told(sweep, told):
    script, option = sweep
    check_refused([interpreter.find(), f"tests/sweeps/{script}", option], told)


def check_refused(command, told):
    process = subprocess.run(command, cwd=interpreter.ROOT, capture_output=True, text=True)
    assert process.returncode == 2
    assert (process.stdout, process.stderr) == (told + "\n", "")


def test_each_sweep_is_run_and_told_in_the_readme():
    helpers = {"child", "chips", "table", "ticks", "workload"}
    scripts = {path.stem for path in (interpreter.ROOT / "tests/sweeps").glob("*.py")}
    assert scripts - helpers == {sweep.script for sweep in SWEEPS} == set(FAULTS)
    told = table.rows(table.README.read_text(encoding="utf-8"))
    assert told[: len(SWEEPS)] == [(FAULTS[each.script], CHIPS[each.on]) for each in SWEEPS]
