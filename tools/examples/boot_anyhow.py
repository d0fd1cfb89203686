"""Boot anyhow: a damaged database is moved aside, its backup or the defaults take its place.

mpremote run tools/examples/boot_anyhow.py      on a board that has MicroTetherDB
python tools/examples/boot_anyhow.py            on a PC, in a checkout

The database has a folder of its own. So all its files are moved aside in one step, and a power cut
finds them either all there, to be moved, or all moved. `tools/mtdb.py repair` saves on the PC what
is whole in them.
"""

import os
import sys

try:
    from MicroTetherDB import MicroTetherDB
except ImportError:  # on a PC: two folders up
    sys.path.append((sys.path[0] or ".") + "/../..")
    from MicroTetherDB import MicroTetherDB

FOLDER = "example_data"
FILE = FOLDER + "/my.db"
BROKEN = "example_broken"  # the folder, when it was moved aside
BACKUP = "example_backup.db"
DEFAULTS = {"name": "new device", "count": 0}


def open_anyhow():
    """Return the open database, whatever its files hold. OSError if the flash can't be read."""
    make_folder()
    try:
        db = MicroTetherDB(FILE)
    except ValueError as error:
        print("Moved aside:", error)
        remove_folder(BROKEN)  # only the newest is kept, or the flash would fill up
        os.rename(FOLDER, BROKEN)
        make_folder()
        db = MicroTetherDB(FILE)
    if not db:  # it is new. Perhaps one was moved aside, and then the power was cut
        db.update(backed_up() or DEFAULTS)  # all at once
    return db


def backed_up():
    """Return what the backup says, an empty dict if there is none or it is damaged, too."""
    if not [name for name in os.listdir() if name.startswith(BACKUP)]:
        return {}
    try:
        with MicroTetherDB(BACKUP) as backup:
            return dict(backup.items())
    except ValueError as error:
        print("No backup:", error)
        return {}


def make_folder():
    if FOLDER not in os.listdir():
        os.mkdir(FOLDER)


def remove_folder(name):
    if name in os.listdir():
        for file in os.listdir(name):
            os.remove(name + "/" + file)
        os.rmdir(name)


def damage():
    """What a failing flash might do: the first byte of the file is another one."""
    with open(FILE, "r+b") as file:
        file.write(b"?")


def main():
    db = open_anyhow()
    print("A new device:", db["name"], db["count"])
    db.update(name="greenhouse", count=41)
    db.backup(BACKUP)  # now and then, say once a day
    db["count"] = 42
    db.close()

    damage()
    db = open_anyhow()
    print("From the backup:", db["name"], db["count"])
    print("For the PC:", os.listdir(BROKEN))

    db.close()
    os.remove(BACKUP)
    remove_folder(FOLDER)
    remove_folder(BROKEN)


if __name__ == "__main__":
    main()
