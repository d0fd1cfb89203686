"""What runs on the emulated Pico while a timer's callbacks read and write what the main program
writes. What they read must be right each time; a write is done, or told to be busy."""

import time

import machine

from MicroTetherDB import MicroTetherDB

PATH = "/x.db"
WRITES = 300
PERIOD = 30  # milliseconds
FIXED = {"list": [1, {"n": 2}]}

db = MicroTetherDB(PATH)
db["fixed"] = FIXED
expected = {"fixed": FIXED}  # what was acknowledged
reads = writes = busy = 0


def read():
    global reads
    assert db["fixed"] == FIXED and db.get("fixed") == FIXED
    assert "fixed" in db and "none" not in db and len(db) >= len(expected)
    assert len(list(db.items())) >= len(expected)
    reads += 1


def write():
    global writes, busy
    key = "timer%d" % (writes % 10)
    value = {"v": writes}
    try:
        db[key] = value
    except RuntimeError as error:
        assert "busy" in str(error), error
        busy += 1
        return
    expected[key] = value
    writes += 1


def callback(_):
    read()
    if reads % 2:
        write()


timer = machine.Timer(period=PERIOD, callback=callback)
for number in range(WRITES):
    time.sleep_ms(number % 24)  # or nearly all callbacks would come in the middle of a write
    key = "main%d" % (number % 10)
    if number % 8:
        db[key] = {"v": number}
        expected[key] = {"v": number}
    else:
        db.update({key: number, "pair": number})
        expected[key] = expected["pair"] = number
timer.deinit()
assert {key: db[key] for key in db} == expected
db = MicroTetherDB(PATH)  # what is on the disk
assert {key: db[key] for key in db} == expected
print(reads, writes, busy)
