"""Settings: defaults, a change, and what is left of it after a reboot.

mpremote run tools/examples/settings.py     on a board that has MicroTetherDB
python tools/examples/settings.py           on a PC, in a checkout
"""

import os
import sys

try:
    from MicroTetherDB import MicroTetherDB
except ImportError:  # on a PC: two folders up
    sys.path.append((sys.path[0] or ".") + "/../..")
    from MicroTetherDB import MicroTetherDB

FILE = "example_settings.db"
DEFAULTS = {
    "wifi": {"name": "", "password": ""},
    "brightness": 80,
    "alarms": [{"at": "06:30", "on": True}],
}


def load():
    """Open the settings; what is missing, say after an update of the program, gets its default."""
    db = MicroTetherDB(FILE)
    with db.transaction():
        for name in DEFAULTS:
            db.setdefault(name, DEFAULTS[name])
    return db


def connect_wifi(name, password):
    """Stands for the real thing: an empty password is refused."""
    if not password:
        raise OSError("no connection to " + name)


db = load()
print("Settings of a new device:", dict(db.items()))

# A single setting: saved when the line is done.
db["brightness"] = 55

# Inside of values: change them in a block, they are saved at its end.
with db.transaction():
    db["wifi"]["name"] = "Workshop"
    db["wifi"]["password"] = "s3cret"
    db["alarms"].append({"at": "08:00", "on": False})

# A change that turns out to be bad: an exception in the block puts everything back.
try:
    with db.transaction():
        db["wifi"]["name"] = "Cellar"
        db["wifi"]["password"] = ""
        connect_wifi(db["wifi"]["name"], db["wifi"]["password"])
except OSError as error:
    print("Change undone:", error)

# A reboot: nobody closed the database, the power just went.
db = load()
print("Brightness after a reboot:", db["brightness"])
print("Wi-Fi after a reboot:", db["wifi"]["name"])
print("Alarms after a reboot:", [alarm["at"] for alarm in db["alarms"]])

db.close()
os.remove(FILE)
