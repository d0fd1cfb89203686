"""Count what writes cost on littlefs, on a simulated flash chip: erases and bytes.

    micropython flash_costs.py FOLDER writes STORE PROGSIZE TIP_SIZE WORKLOAD KEYS WRITES
    micropython flash_costs.py FOLDER bulk STORE PROGSIZE TIP_SIZE KEYS BEFORE
    micropython flash_costs.py FOLDER has_btree

FOLDER is where MicroTetherDB is imported from. The result is printed as a line of JSON.
"""

import gc

import command
import flash
import stores
from stores import key, library, pairs, value


def mounted(prog, size=2 * 1024 * 1024):
    chip = flash.Flash(size, prog)
    chip.format()
    chip.mount("/flash")
    return chip


def opened(store, tip):
    if store != "library":
        return stores.ALL[store]("/flash/x.db")
    cls = library()
    cls.TIP_SIZE = int(tip)
    return cls("/flash/x.db")


def counted(chip, steps, count=1):
    """Run the measured steps, which are so many, and sum up what they cost."""
    erases = programmed = worst = 0
    gc.collect()
    before = chip.erases, chip.programmed
    for measured in steps:
        if measured:
            erases += chip.erases - before[0]
            programmed += chip.programmed - before[1]
            worst = max(worst, chip.erases - before[0])
        before = chip.erases, chip.programmed
    return {
        "total": erases,
        "erases": erases / count,
        "programmed": programmed / count,
        "worst": worst,
    }


def sets(db, keys, writes):
    for i in range(writes):
        db[key(i * 7919 % keys)] = value(i + i // keys)  # another one each time
        yield True


def scalars(db, keys, writes):
    for i in range(writes):
        db[key(i * 7919 % keys)] = i
        yield True


def deletes(db, keys, writes):
    """All keys, one after the other; then they are put back, which isn't counted."""
    for i in range(writes):
        if i and i % keys == 0:
            db.update(pairs(keys))
            yield False
        del db[key(i * 7919 % keys)]
        yield True


def fives(db, keys, writes):
    for i in range(writes):
        db.update(
            [(key((i * 5 + j) * 7919 % keys), value(i + j + i * 5 // keys)) for j in range(5)]
        )
        yield True


WORKLOADS = {"sets": sets, "scalars": scalars, "deletes": deletes, "fives": fives}


def writes(store, prog, tip, workload, keys, count):
    """What each of so many writes costs, beside so many keys."""
    keys = int(keys)
    count = int(count)
    chip = mounted(int(prog))
    db = opened(store, tip)
    db.update(pairs(keys))
    if workload == "scalars":
        db.update((key(i), 0) for i in range(keys))
    return counted(chip, WORKLOADS[workload](db, keys, count), count)


def bulk(store, prog, tip, keys, before):
    """What one transaction of new keys costs, beside so many that are there before."""
    chip = mounted(int(prog))
    db = opened(store, tip)
    if int(before):
        db.update(pairs(int(before)))

    def step():
        db.update(pairs(int(keys), int(before)))
        yield True

    return counted(chip, step())


def has_btree():
    try:
        import btree

        return bool(btree)
    except ImportError:
        return False


if __name__ == "__main__":
    command.run(writes, bulk, has_btree)
