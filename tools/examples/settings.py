"""Settings: defaults, an older program's settings taken over, a bad change undone, a reset.

mpremote run tools/examples/settings.py     on a board that has MicroTetherDB
python tools/examples/settings.py           on a PC, in a checkout
"""

import json
import os
import sys

try:
    from MicroTetherDB import MicroTetherDB
except ImportError:  # on a PC: two folders up
    sys.path.append((sys.path[0] or ".") + "/../..")
    from MicroTetherDB import MicroTetherDB

FILE = "example_settings.json"  # a JSON file of another program is opened as it is
VERSION = 2  # of the settings: raise it when some get another name or meaning
DEFAULTS = {
    "wifi": {"name": "", "password": "", "hostname": "board"},
    "display": {"brightness": 80, "units": "metric"},
    "alarms": [{"at": "06:30", "on": True}],
}


def load():
    """Open the settings and bring them up to date: all of it or, if the power fails, nothing."""
    db = MicroTetherDB(FILE)
    with db.transaction():
        if not db:
            db["version"] = VERSION
        migrate(db)
        add_missing(db, DEFAULTS)
    return db  # a boot that found nothing to do has written nothing


def migrate(db):
    """What an older program stored otherwise: one step for each version."""
    if db.get("version", 1) < 2:  # version 1 had the brightness by itself, and no version yet
        db["display"] = {"brightness": db.pop("brightness", 80)}
        db["version"] = 2


def add_missing(settings, defaults):
    """Give settings the defaults that they lack, at any depth."""
    for name in defaults:
        has_parts = isinstance(defaults[name], dict)
        if name not in settings or has_parts and not isinstance(settings[name], dict):
            settings[name] = defaults[name]
        elif has_parts:
            add_missing(settings[name], defaults[name])


def reset(db):
    """Back to the factory's settings, in one step."""
    with db.transaction():
        db.clear()
        db.update(DEFAULTS, version=VERSION)


def connect_wifi(name, password):
    """Stands for the real thing: an empty password is refused."""
    if not password:
        raise OSError("no connection to " + name)


def leave_old_settings():
    """What an older program has left, unless this one has been here already."""
    if FILE not in os.listdir():
        with open(FILE, "w") as file:
            json.dump({"brightness": 55, "wifi": {"name": "Workshop", "password": "s3cret"}}, file)


def main():
    leave_old_settings()
    db = load()
    print("Taken over:", db["wifi"]["name"], "with brightness", db["display"]["brightness"])
    print("Added:", db["wifi"]["hostname"], db["display"]["units"], db["alarms"])

    db["volume"] = 7  # a single setting: saved when the line is done
    with db.transaction():  # inside of values: saved at the end of the block
        db["display"]["brightness"] = 30
        db["alarms"].append({"at": "08:00", "on": False})

    try:  # a change that turns out to be bad: an exception in the block puts everything back
        with db.transaction():
            db["wifi"]["name"] = "Cellar"
            db["wifi"]["password"] = ""
            connect_wifi(db["wifi"]["name"], db["wifi"]["password"])
    except OSError as error:
        print("Change undone:", error)

    db = load()  # a reboot: nobody closed the database, the power just went
    print("After a reboot:", db["wifi"]["name"], db["display"], db["volume"])
    print("Alarms after a reboot:", [alarm["at"] for alarm in db["alarms"]])

    reset(db)
    print("After a reset:", db["wifi"]["hostname"], db["display"]["brightness"], sorted(db))
    db.close()
    os.remove(FILE)


if __name__ == "__main__":
    main()
