"""tools/examples/callbacks.py: no callback's count is lost, whenever one comes."""

import pytest

from recipes import RUNTIMES, run

COUNT = """
import callbacks
from MicroTetherDB import MicroTetherDB

db = MicroTetherDB("my.db")
callbacks.PERIOD = 1
stop = callbacks.start_timer(callbacks.on_tick)
saved = 0
while saved < 300:  # without a pause: so the callbacks come in the middle of the writes
    saved = callbacks.save(db, saved)
stop()
saved = callbacks.save(db, saved)
print(db["ticks"] == saved == callbacks.happened)
db.close()
"""

WRITE = """
import callbacks
from MicroTetherDB import MicroTetherDB

db = MicroTetherDB("my.db")
results = {"done": 0, "busy": 0, "read": 0}
keys = {"n": 0}

def on_tick(_):
    keys["n"] += 1
    results["read"] += db.get("loop", 0) >= 0
    try:
        db["callback"] = keys["n"]
        results["done"] += 1
    except RuntimeError as error:
        assert "busy" in str(error), error
        results["busy"] += 1

callbacks.PERIOD = 1
stop = callbacks.start_timer(on_tick)
n = 0
while not results["busy"] or n < 100:
    n += 1
    db["loop"] = n
stop()
print(results["read"] == results["busy"] + results["done"], db["loop"] == n)
db.close()
"""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_callbacks_count_is_stored_by_the_main_loop(runtime, tmp_path):
    assert run(runtime, COUNT, tmp_path) == ["True"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_callback_can_always_read_but_a_write_may_be_refused(runtime, tmp_path):
    assert run(runtime, WRITE, tmp_path) == ["True True"]
