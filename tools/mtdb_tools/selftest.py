"""Run on a board by deploy.py: does MicroTetherDB work here, and how fast is it?

Works in a scratch file and removes it. Raises what goes wrong.
"""

import gc
import os
import time

import MicroTetherDB as module
from MicroTetherDB import MicroTetherDB

SCRATCH = "MicroTetherDB-self-test.db"
WRITES = 50


def clean():
    for end in ("", ".log", ".tip", ".tmp"):
        try:
            os.remove(SCRATCH + end)
        except OSError:
            pass


def check(what, right):
    if not right:
        raise AssertionError(what + " does not work here")
    print(what + ": works")


def write_and_reopen():
    db = MicroTetherDB(SCRATCH)
    db["user"] = {"name": "John", "age": 30}
    db["user"]["age"] = 31
    db.flush()
    db["unclosed"] = True
    db = MicroTetherDB(SCRATCH)  # as after a reset
    check("Write and reopen", db["user"] == {"name": "John", "age": 31} and db["unclosed"])
    return db


def roll_back(db):
    try:
        with db.transaction():
            db["user"]["age"] = 0
            del db["unclosed"]
            raise ValueError
    except ValueError:
        pass
    check("Rollback", db["user"]["age"] == 31 and db["unclosed"])


def lock(db):
    with db.lock():
        db["count"] = 1
        db["count"] += 1
    check("Lock", db["count"] == 2)


def measure(db):
    times = []
    for number in range(WRITES):
        begin = time.ticks_us()
        db["count"] = number
        times.append(time.ticks_diff(time.ticks_us(), begin) / 1000)
    print(
        "A durable write: %.1f ms on average, %.1f ms at worst of %d"
        % (sum(times) / WRITES, max(times), WRITES)
    )


clean()
try:
    print("Tested:", getattr(module, "__file__", "the firmware's own copy"))
    db = write_and_reopen()
    roll_back(db)
    lock(db)
    measure(db)
    db.close()
    del db
finally:
    clean()
gc.collect()
print("RAM free with the library loaded:", gc.mem_free(), "bytes")
