"""The power is cut while the sweeps' workload runs on the real firmware: nothing is lost.

Before an operation of the flash chip, in the middle of it (half done; each bit changed or not yet)
and after it. Then the board boots with what is on the flash, and must find exactly what was stored
when the last step had ended, or that and the step in flight; then it goes on.

A cut at any other moment leaves nothing else: between two operations the flash stays as the one
before has left it, and what is in RAM is lost.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import emulator
import pytest

pytestmark = pytest.mark.skipif(not emulator.IS_BUILT, reason=emulator.HOW_TO_BUILD)
EVERY = 1 if os.environ.get("SWEEPS") == "long" else 20  # which operations are cut
AGAIN = 16  # of so many recoveries, one is cut too


def look(flash, folder, images=None):
    """Boot with that flash; return what is found, {name: data}, and the run."""
    options = {"images": (folder, images)} if images else {}
    run = emulator.Run(emulator.HERE / "look.py", flash=flash, **options)
    lines = [line.split(" ", 1) for line in run.output.splitlines()]
    return {name: json.loads(text) for name, text in lines}, run


def check(found, states, backups):
    assert any(same(found["found"], state) for state in states), found["found"]
    assert any(same(found["backup"], backup) for backup in backups), found["backup"]
    assert same(found["after"], dict(found["found"], after={"cut": 1}))


def same(a, b):
    return json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


def test_whenever_the_power_fails_nothing_is_lost(flash, tmp_path, record_property):
    import workload

    states = [({}, {}), *workload.states_of(workload.script("/x.db"))]
    run = emulator.Run(emulator.HERE / "work.py", flash=flash, images=(tmp_path, EVERY))
    assert run.mark == len(states) - 1
    assert len(run.images) >= 4 * 20

    def recover(number):
        image = run.images[number]
        file = tmp_path / image["name"]
        allowed = states[image["mark"] : image["mark"] + 2]
        again = number % AGAIN == 0
        folder = tmp_path / f"again{number}"
        folder.mkdir()
        found, recovery = look(file, folder, images=7 if again else None)
        check(found, [state for state, _ in allowed], [backup for _, backup in allowed])
        for second in recovery.images:
            after = dict(found["found"], after={"cut": 1})
            states_then = [after] if second["mark"] else [found["found"], after]
            check(look(folder / second["name"], folder)[0], states_then, [found["backup"]])
        file.unlink()
        return 1 + len(recovery.images)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        cuts = sum(pool.map(recover, range(len(run.images))))
    assert cuts >= 100
    which = "each" if EVERY == 1 else f"each {EVERY}th"
    record_property("fault", "power cut at an operation of the chip, on the real firmware")
    record_property("on", "emulated Pico, littlefs")
    record_property("tried", f"{cuts} power cuts, at {which} operation, nothing lost")
