"""A sensor log that keeps the newest readings and never fills the flash.

mpremote run tools/examples/sensor_log.py   on a board that has MicroTetherDB
python tools/examples/sensor_log.py         on a PC, in a checkout
"""

import os
import sys
import time

try:
    from MicroTetherDB import MicroTetherDB
except ImportError:  # on a PC: two folders up
    sys.path.append((sys.path[0] or ".") + "/../..")
    from MicroTetherDB import MicroTetherDB

FILE = "example_sensor.db"
KEEP = 20  # how many readings; they are all in RAM, too. Another number needs a new file


def read_sensor():
    # For a real one replace this line, on a Pico say by: return machine.ADC(4).read_u16()
    return 20 + int(time.time()) % 10


def number(db):
    """Return the number that the next reading gets. It goes on where it was before a reboot."""
    return 1 + max([reading["number"] for reading in db.values()] + [0])


def log(db, number, value):
    # A ring: the newest reading takes the place of the oldest. One write each, so a power cut
    # takes away one reading at most, the one that is just being written.
    db["reading %d" % (number % KEEP)] = {"number": number, "value": value}


db = MicroTetherDB(FILE)
for n in range(number(db), 51):
    log(db, n, read_sensor())
print("50 readings made,", len(db), "kept")

# A reboot, and on it goes.
db = MicroTetherDB(FILE)
for n in range(number(db), 61):
    log(db, n, read_sensor())
print("After a reboot and 10 more:", len(db), "kept")

newest = sorted(db.values(), key=lambda reading: reading["number"])
print("Oldest: number %(number)d, value %(value)d" % newest[0])
print("Newest: number %(number)d, value %(value)d" % newest[-1])
values = [reading["value"] for reading in newest]
print("Mean: %.1f" % (sum(values) / len(values)))

db.close()
print("Size of the file:", os.stat(FILE)[6], "bytes")
os.remove(FILE)
