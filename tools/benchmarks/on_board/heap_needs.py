"""Find out how much heap an operation needs: what must be free, what stays allocated.

    micropython heap_needs.py FOLDER make PATH KEYS
    micropython heap_needs.py FOLDER works OPERATION PATH FREE [HOLE]
    micropython heap_needs.py FOLDER leaves OPERATION PATH

FOLDER is where MicroTetherDB is imported from. The result is printed as a line of JSON.
"""

import gc
import json
import os

import command
from fragments import fill, punch
from stores import JsonFile, key, library, pairs, value

RECORD = len('["k0005",{"v":5,"s":"abcdefgh"}] 1234abcd\n')


def load(path):
    with open(path) as file:
        return json.load(file)


def filled(data):
    for name, item in pairs(1000):
        data[name] = item


def written(db):
    for i in range(60):
        db[key(i % 90)] = value(i + 1)


def one_by_one(db):
    with db.transaction():
        for name, item in pairs(1000):
            db[name] = item


def transaction(db):
    with db.transaction():
        for i in range(5):
            db[key(i * 7)]["v"] = 77


def make(path, keys):
    db = library()(path)
    db.update(pairs(int(keys)))
    db.close()
    return os.stat(path)[6]


# Each operation: it gets ready, and returns the function that is then measured.


def opening(path):
    cls = library()
    return lambda: cls(path)


def json_write(path):
    store = JsonFile(path)
    return lambda: store.__setitem__(key(5), value(5))


def filling_a_dict(path):
    data = {}
    return lambda: filled(data)


def write(path):
    db = library()(path)
    return lambda: db.__setitem__(key(5), value(6))


def many_writes(path):
    db = library()(path)
    return lambda: written(db)


def spill(path):
    """A write that finds the tip full, and a log."""
    db = library()(path)
    i = 0
    while not exists(path + ".log"):
        i += 1
        db[key(i)] = value(i + 1)
    db[key(0)] = value(1)  # the first in a new tip
    while os.stat(path + ".tip")[6] + RECORD <= db.TIP_SIZE:
        i += 1
        db[key(i)] = value(i + 1)
    return lambda: db.__setitem__(key(5), value(i + 2))


def exists(path):
    try:
        return bool(os.stat(path))
    except OSError:
        return False


def fold(path):
    db = library()(path)
    db[key(5)] = value(6)
    return db.flush


def small_transaction(path):
    db = library()(path)
    return lambda: transaction(db)


def update(path):
    db = library()(path)
    return lambda: db.update(pairs(1000, len(db)))


def large_transaction(path):
    db = library()(path)
    return lambda: one_by_one(db)


OPERATIONS = {
    "load": lambda path: lambda: load(path),
    "open": opening,
    "json write": json_write,
    "dict": filling_a_dict,
    "write": write,
    "60 writes": many_writes,
    "spill": spill,
    "fold": fold,
    "transaction": small_transaction,
    "update": update,
    "large transaction": large_transaction,
}


# The commands.


def works(name, path, free, hole=0):
    """Whether the operation works with so much free, or with so much in holes of a size."""
    operation = OPERATIONS[name](path)
    held = punch(int(hole), int(free)) if int(hole) else fill(int(free))
    try:
        result = operation()
    except MemoryError:
        held = None
        return False
    del held, result  # which had to be there until now
    return True


def leaves(name, path):
    """How many bytes the operation leaves allocated."""
    library()
    operation = OPERATIONS[name](path)
    gc.collect()
    before = gc.mem_alloc()
    result = operation()
    gc.collect()
    left = gc.mem_alloc() - before
    del result  # which had to be there until now
    return left


if __name__ == "__main__":
    command.run(make, works, leaves)
