"""What runs on the emulated Pico when it is reset softly, again and again: the sweeps' workload,
with the database open between steps, in a transaction, or in an update(). main.py then runs again:
it prints what it finds, and goes on with the next step."""

import json

import machine

import workload
from MicroTetherDB import MicroTetherDB

PATH = "/x.db"
STEPS_DONE = 0x50900000
STEPS_DONE_SO_FAR = 0x50900008
RANDOM = 0x5090000C


def in_a_transaction(db):
    with db.transaction():
        db["lost"] = {"v": 0}
        db.clear()
        machine.soft_reset()


def in_an_update(db):
    def pairs():
        yield "lost", {"v": 0}
        machine.soft_reset()

    db.update(pairs())


def between_steps(db):
    machine.soft_reset()


WAYS = between_steps, in_a_transaction, in_an_update

steps = workload.script(PATH)
done = machine.mem32[STEPS_DONE_SO_FAR]
db = MicroTetherDB(PATH)
print("found", done, json.dumps(workload.read(db)))
for step in steps[done:]:
    db = workload.take(step, db)
    done += 1
    machine.mem32[STEPS_DONE] = done
    way = machine.mem32[RANDOM] % 12
    if way < len(WAYS) and step[0] is not workload.close:
        WAYS[way](db)
