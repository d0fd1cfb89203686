"""What runs on the emulated Pico after a power cut: it says what it finds, and goes on."""

import json

import machine

from MicroTetherDB import MicroTetherDB

STEPS_DONE = 0x50900000


def look(name, path):
    with MicroTetherDB(path) as db:
        print(name, json.dumps({key: db[key] for key in db}))


db = MicroTetherDB("/x.db")
print("found", json.dumps({key: db[key] for key in db}))
db["after"] = {"cut": 1}
machine.mem32[STEPS_DONE] = 1
db.close()
look("after", "/x.db")
look("backup", "/x.db.copy")
