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
read, done, busy = [], [], []  # lists, as on a PC a signal can interrupt a signal's handler

def on_tick(_):
    read.append(db.get("loop", 0) >= 0)
    try:
        db["callback"] = len(read)
        done.append(True)
    except RuntimeError as error:
        busy.append("busy" in str(error))

callbacks.PERIOD = 1
stop = callbacks.start_timer(on_tick)
n = 0
while not busy or n < 100:
    n += 1
    db["loop"] = n
stop()
print(all(read + busy), len(read) == len(done + busy), db["loop"] == n)
db.close()
"""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_callbacks_count_is_stored_by_the_main_loop(runtime, tmp_path):
    assert run(runtime, COUNT, tmp_path) == ["True"]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_callback_can_always_read_but_a_write_may_be_refused(runtime, tmp_path):
    assert run(runtime, WRITE, tmp_path) == ["True True True"]
