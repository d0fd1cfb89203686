"""A process that writes is killed or interrupted at random moments: nothing acknowledged is lost.

The child (tests/sweeps/child.py) runs on either runtime. What MicroPython wrote is opened by
CPython after each kill, and by MicroPython again when the next child goes on with it.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import interpreter

sys.path.append(str(interpreter.ROOT / "tests/sweeps"))
import workload  # noqa: E402

TIMES = 2000 if os.environ.get("SWEEPS") == "long" else 200
CRASHED = -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT  # as return codes
# MicroPython's unix port jumps out of its signal handler. If that came in malloc() or free(), the
# C library may notice later, and abort with one of these words. That is no fault of the module's,
# and what is stored must still be there.
C_LIBRARY = "free()", "double free", "malloc()", "corrupted", "realloc()", "munmap_chunk()"
SIDE_BY_SIDE = 4  # databases with a child each


def start(runtime, path, **options):
    if runtime == "cpython":
        command = [sys.executable]
    else:
        command = [interpreter.find(), "-X", "heapsize=4M"]
    command += [interpreter.ROOT / "tests/sweeps/child.py", f"path={path}"]
    command += [f"{name}={value}" for name, value in options.items()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def side_by_side(function, runtime, folder):
    """Run function on several databases at once, each with a part of the times and its number.
    Return the sum of what it returns: how many steps it knows to be done."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for number in range(SIDE_BY_SIDE):
            (folder / str(number)).mkdir()
        return sum(
            pool.map(
                lambda number: function(
                    runtime, folder / str(number) / "x.db", TIMES // SIDE_BY_SIDE, number
                ),
                range(SIDE_BY_SIDE),
            )
        )


def kill(runtime, path, times, number, number_of_signal=signal.SIGKILL, **options):
    """Kill a child at a random moment, times times, each going on where the last was killed."""
    chance = random.Random(number)
    plain = workload.Plain()
    n = 0  # steps that are known to be done

    def step():
        return workload.random_step(workload.Dice(n), str(path), whole=True)

    for time_ in range(times):
        with start(runtime, path, first=n, **options) as child:
            first = "" if chance.random() < 0.2 else child.stdout.readline()  # it may still open
            time.sleep(chance.uniform(0, 0.02))
            child.send_signal(number_of_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5)
            child.kill()
            lines = (first + child.stdout.read()).splitlines()
            errors = child.stderr.read()
        is_c_library = child.returncode == -signal.SIGABRT and any(
            text in errors for text in C_LIBRARY
        )
        crash = f"database {number}, kill {time_}: it crashed: {errors}"
        assert is_c_library or child.returncode not in CRASHED, crash
        for line in filter(str.isdigit, lines):  # a traceback may be there, too
            assert int(line) == n
            workload.take(step(), plain)
            n += 1
        before = workload.copy(plain.data)
        place = f"database {number}, kill {time_}, in step {n}: {workload.show(step())}"
        workload.take(step(), plain)
        db = workload.MicroTetherDB(path)
        found = workload.read(db)
        workload.leave(db)
        if workload.same(found, plain.data):
            n += 1
        else:
            assert workload.same(found, before), f"{place}: {found} instead of {before}"
            plain.data = before
    assert n > times
    return n


def interrupt_and_end(*arguments):
    return kill(*arguments, signal.SIGINT, crowded=1)


def interrupt(runtime, path, times, number):
    """Interrupt one child at a random moment, times times; it checks itself, and goes on."""
    chance = random.Random(number)
    with start(runtime, path, interrupt=1) as child:
        for time_ in range(times):
            for expected, wait in (("ready\n", chance.uniform(0, 0.02)), ("fine\n", 0)):
                line = child.stdout.readline()
                if line != expected:
                    child.kill()
                    line += child.stdout.read() + child.stderr.read()
                    pytest.fail(f"database {number}, interrupt {time_}: {line}")
                time.sleep(wait)
                if expected == "ready\n":
                    child.send_signal(signal.SIGINT)
        child.kill()
    return 0  # the child counts them


FAULTS = {
    kill: "the process is killed",
    interrupt: "the process gets Ctrl-C, and goes on with the database",
    interrupt_and_end: "the process gets Ctrl-C, and ends",
}


@pytest.mark.parametrize(
    "function, runtime",
    [
        (kill, "cpython"),
        (kill, "micropython"),
        (interrupt, "cpython"),
        # MicroPython's unix port jumps out of its signal handler, in the middle of a garbage
        # collection too, and then can't go on: so its child is not asked to. The sweep ctrl_c.py
        # interrupts it where a board is interrupted, and has it go on.
        (interrupt_and_end, "micropython"),
    ],
)
def test_nothing_is_lost(function, runtime, tmp_path, record_property):
    steps = side_by_side(function, runtime, tmp_path)
    record_property("fault", FAULTS[function])
    record_property("on", "CPython" if runtime == "cpython" else "MicroPython, PC's files")
    tried = f"{TIMES} times{f', {steps} acknowledged steps' if steps else ''}, nothing lost"
    record_property("tried", tried)
    print(tried)
