"""Cut the power at each operation of the chip while tools/examples/boot_anyhow.py recovers.

    micropython -X heapsize=8M tests/recipes/boot_cuts.py littlefs|fat CASE

CASE says what is damaged, see CASES. After each cut the board is started again, and after some of
the cuts that start is cut, too, at each operation.
"""

import os
import sys

import boot_anyhow

import flash
import MicroTetherDB

DISK = "/disk"
SECOND_CUT_EVERY = 5  # of the first cuts


def flip(name):
    """Change a byte in the middle of the first line of a file of the database."""
    path = boot_anyhow.FILE + name
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[data.find(b"\n") // 2] ^= 1
    with open(path, "wb") as file:
        file.write(data)


def lose():
    os.remove(boot_anyhow.FILE)


def break_backup():
    with open(boot_anyhow.BACKUP, "r+b") as file:
        file.write(b"?")


SAVED = {"name": "greenhouse", "count": 41, "notes": "n" * 2000}
CASES = {  # name: (what is done to the files, what a boot must find)
    "data": ((lambda: flip(""),), SAVED),
    "log": ((lambda: flip(".log"),), SAVED),
    "tip": ((lambda: flip(".tip"),), SAVED),
    "missing": ((lose,), SAVED),
    "no backup": ((lambda: flip(""), lambda: os.remove(boot_anyhow.BACKUP)), boot_anyhow.DEFAULTS),
    "both": ((lambda: flip(""), break_backup), boot_anyhow.DEFAULTS),
}


def make_chip(kind, memory=None):
    size = 128 * 1024
    if kind == "fat":
        return flash.Card(memory=memory or bytearray(size))
    return flash.Flash(size, memory=memory)


def prepare(kind, damages):
    """Return the memory of a board with a damaged database, and the files that are broken."""
    chip = make_chip(kind)
    chip.format()
    mount(chip)
    os.mkdir(boot_anyhow.BROKEN)  # of an earlier time: it is to make room
    for name in ("my.db", "my.db.tip"):
        with open(boot_anyhow.BROKEN + "/" + name, "w") as file:
            file.write("older")
    db = boot_anyhow.open_anyhow()
    db.update(SAVED)
    db.backup(boot_anyhow.BACKUP)
    while "my.db.log" not in os.listdir(boot_anyhow.FOLDER):  # the journal has both its files
        db["count"] += 1
    for _ in range(3):  # only what others follow tells that it is damaged
        db["count"] += 1
    db = None
    for damage in damages:
        damage()
    broken = read_all(boot_anyhow.FOLDER)
    unmount()
    return chip.memory, broken


def read_all(folder):
    contents = {}
    for name in os.listdir(folder):
        with open(folder + "/" + name, "rb") as file:
            contents[name] = file.read()
    return contents


def mount(chip):
    chip.mount(DISK)
    os.chdir(DISK)


def unmount():
    os.chdir("/")
    os.umount(DISK)


def boot(chip):
    """Start the board; whether it came so far as to have the settings."""
    MicroTetherDB._opened.clear()  # a board that starts knows none from before the power cut
    try:
        mount(chip)
    except OSError:
        assert chip.dead
        return False
    try:
        db = boot_anyhow.open_anyhow()
        db.close()
    except OSError as error:
        assert chip.dead, error
    finally:
        unmount()
    return not chip.dead


def check(kind, memory, expected, broken, place):
    chip = make_chip(kind, memory)
    assert boot(chip), place
    mount(chip)
    with boot_anyhow.MicroTetherDB(boot_anyhow.FILE) as db:
        found = dict(db.items())
    assert found == expected, "%s: found %s" % (place, str(found)[:100])
    kept = read_all(boot_anyhow.BROKEN)
    assert kept == broken, "%s: kept %r" % (place, sorted(kept))
    unmount()


def cuts(kind, memory):
    """Yield (place, memory) of each memory that a cut in a boot from memory leaves."""
    for how in (flash.BEFORE, flash.HALF, flash.ERASED):
        n = 1
        while True:
            chip = make_chip(kind, bytearray(memory))
            chip.cut_at = n
            chip.cut_how = how
            if boot(chip):
                break
            yield (n, how), chip.memory
            n += 1


def sweep(kind, case):
    damages, expected = CASES[case]
    memory, broken = prepare(kind, damages)
    count = seconds = 0
    for place, left in cuts(kind, memory):
        check(kind, bytearray(left), expected, broken, place)
        count += 1
        if count % SECOND_CUT_EVERY == 0:
            for second, left_then in cuts(kind, left):
                check(kind, bytearray(left_then), expected, broken, (place, second))
                seconds += 1
    print("%s, %s: %d cuts, %d second cuts" % (kind, case, count, seconds))


boot_anyhow.print = lambda *_: None
sweep(*sys.argv[1:])
