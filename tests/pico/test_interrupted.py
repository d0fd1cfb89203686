"""The real firmware is reset, struck by Ctrl-C and interrupted by a timer: nothing is lost."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import emulator
import pytest
from test_power_cuts import check, look, same

pytestmark = pytest.mark.skipif(not emulator.IS_BUILT, reason=emulator.HOW_TO_BUILD)
LONG = os.environ.get("SWEEPS") == "long"
RESETS = 60 if LONG else 8
SEEDS = range(1, 11 if LONG else 2)
STRIKE_SEEDS = range(1, 31 if LONG else 5)


@pytest.fixture
def states():
    """What the database and the last backup hold before the workload, and after each step."""
    import workload

    return [({}, {}), *workload.states_of(workload.script("/x.db"))]


def test_a_reset_at_a_random_moment_loses_nothing(flash, states, tmp_path):
    def reset_and_look(seed):
        folder = tmp_path / str(seed)
        folder.mkdir()
        kept = folder / "flash.bin"
        program = emulator.HERE / "reset.py"
        work = emulator.HERE / "work.py"
        run = emulator.Run(program, work, flash=flash, keep=kept, seed=seed)
        assert run.how == "reset"
        allowed = states[run.mark : run.mark + 2]
        check(
            look(kept, folder)[0], [state for state, _ in allowed], [copy for _, copy in allowed]
        )
        return run.mark

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        marks = list(pool.map(reset_and_look, range(1, RESETS + 1)))
    assert len(set(marks)) > RESETS // 2
    print(f"{RESETS} resets, nothing lost; after so many steps: {sorted(marks)}")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_soft_reset_leaves_exactly_what_was_acknowledged(seed, flash, states):
    run = emulator.Run(emulator.HERE / "soft_resets.py", flash=flash, seed=seed)
    resets = 0
    for line in run.output.splitlines():
        if line.startswith("found "):
            _, done, text = line.split(" ", 2)
            assert same(json.loads(text), states[int(done)][0]), done
            resets += int(done) > 0
    assert run.mark == len(states) - 1
    assert resets > 20
    print(f"{resets} soft resets, nothing lost")


@pytest.mark.parametrize("seed", STRIKE_SEEDS)
def test_after_ctrl_c_memory_and_disk_agree_and_the_next_write_works(seed, flash):
    run = emulator.Run(emulator.HERE / "ctrl_c.py", flash=flash, seed=seed)
    strikes, inside = map(int, run.output.split())
    assert strikes >= 100
    assert inside > strikes // 3
    print(f"{strikes} times Ctrl-C, {inside} of them in an operation")


@pytest.mark.parametrize("seed", SEEDS)
def test_callbacks_of_a_timer_read_and_write(seed, flash):
    run = emulator.Run(emulator.HERE / "timer.py", flash=flash, seed=seed)
    reads, writes, busy = map(int, run.output.split())
    assert reads > 200
    assert writes > 40
    assert busy > 40
    print(f"{reads} times a callback read, {writes} times it wrote, {busy} times it was told busy")


WRITES = """
from MicroTetherDB import MicroTetherDB
db = MicroTetherDB("n.db")
while True:
    db["n"] = db.get("n", 0) + 1
"""


def test_a_program_that_writes_all_the_time_can_be_stopped(library, tmp_path):
    main = tmp_path / "main.py"
    main.write_text(WRITES)
    look = "from MicroTetherDB import MicroTetherDB as M; print(M('n.db')['n'])"
    with emulator.Pico(tmp_path) as board:
        board.mpremote("cp", library, main, ":")
        numbers = [0]
        while len(numbers) < 6:
            board.mpremote("reset")
            time.sleep(3)  # it writes meanwhile; how much does not matter
            numbers.append(int(board.mpremote("exec", look)))
            assert numbers[-1] >= numbers[-2]
        assert numbers[-1] > 10
