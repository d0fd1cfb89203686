"""A counter written by two threads: on a Pico they are its two cores. (The emulated Pico has no
second core: there this hangs as it starts one.)

mpremote run tools/examples/two_threads.py  on a board that has MicroTetherDB
python tools/examples/two_threads.py        on a PC, in a checkout
"""

import os
import sys
import time

try:
    from MicroTetherDB import MicroTetherDB
except ImportError:  # on a PC: two folders up
    sys.path.append((sys.path[0] or ".") + "/../..")
    from MicroTetherDB import MicroTetherDB

try:
    import _thread
except ImportError:
    _thread = None

FILE = "example_threads.db"
COUNTS = 100


def count(db, name):
    for _ in range(COUNTS):
        # Reading, adding and writing are three steps. The lock keeps the other thread out until
        # all are done; without it a count that came in between would be lost.
        with db.lock():
            db["total"] += 1
            db[name] += 1


def count_and_tell(db, name, done):
    try:
        count(db, name)
    finally:
        done.append(name)


db = MicroTetherDB(FILE)
db.update({"total": 0, "first thread": 0, "second thread": 0})
if _thread:
    done = []
    _thread.start_new_thread(count_and_tell, (db, "second thread", done))
    count(db, "first thread")
    while not done:
        time.sleep(0.01)
else:
    print("This board has no _thread: its one thread counts for both.")
    count(db, "first thread")
    count(db, "second thread")

for name in ("first thread", "second thread", "total"):
    print(name, "counted", db[name])
assert db["total"] == 2 * COUNTS

db.close()
os.remove(FILE)
