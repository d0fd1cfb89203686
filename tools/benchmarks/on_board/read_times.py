"""Take the time of reading and opening: this machine's, so to be compared within one run.

    micropython read_times.py FOLDER reading SHORT FOLDER
    micropython read_times.py FOLDER opening KEYS SHORT FOLDER

The first FOLDER is where MicroTetherDB is imported from, the other where a database is made;
SHORT is 1 for keys whose hash has 8 bits only, as on a Pico. The result is printed as a line of
JSON.
"""

import gc
import json
import time

import command
import flash_costs
from stores import key, library, value


def load(path):
    with open(path) as file:
        return json.load(file)


def short_keys(count):
    """Keys whose hash has 8 bits only, as all have on a Pico."""
    keys = []
    i = 0
    while len(keys) < count:
        if hash(key(i)) & 0xFF00 == 0:
            keys.append(key(i))
        i += 1
    return keys


def best(rounds, *functions):
    """The shortest time of each function in microseconds; they take turns."""
    shortest = [1 << 29] * len(functions)
    for _ in range(rounds):
        for i in range(len(functions)):
            gc.collect()
            start = time.ticks_us()
            functions[i]()
            shortest[i] = min(shortest[i], time.ticks_diff(time.ticks_us(), start))
    return shortest


class Plain:
    def __init__(self, data):
        self._d = data

    def get(self, key):
        return self._d[key]


def reads(count, db, names):
    for _ in range(count):
        for name in names:
            db[name]


def calls(count, plain, names):
    for _ in range(count):
        for name in names:
            plain.get(name)


def nothing(count, _, names):
    for _ in range(count):
        for _name in names:
            pass


def names_of(count, short):
    return short_keys(count) if int(short) else [key(i) for i in range(count)]


def reading(short, folder):
    """Nanoseconds of db[key] and of a plain method, at several sizes: the loop not counted."""
    runs = []
    sizes = (10, 100, 1000, 2000)
    for size in sizes:
        names = names_of(size, short)
        data = {name: value(0) for name in names}
        db = library()(folder + "/read%d.db" % size)
        db.update(data)
        for loop, store in ((nothing, None), (reads, db), (calls, Plain(data))):
            runs.append(lambda loop=loop, s=store, n=names: loop(max(1, 1000 // len(n)), s, n))
    times = best(100, *runs)
    result = []
    for i, size in enumerate(sizes):
        walked, ours, plain = times[i * 3 : i * 3 + 3]
        total = max(1, 1000 // size) * size / 1000
        result.append([size, (ours - walked) / total, (plain - walked) / total])
    return result


def opening(keys, short, folder):
    """Microseconds of opening a database and of json.load of the same file."""
    names = names_of(int(keys), short)
    if folder == "/flash":
        flash_costs.mounted(256)
    path = folder + "/open.db"
    cls = library()
    db = cls(path)
    db.clear()
    db.update((name, value(0)) for name in names)
    db.close()
    del db, names
    opened = []
    times = []
    for _ in range(5):
        times.append(best(1, lambda: opened.append(cls(path)), lambda: load(path)))
        opened.pop().close()
    return [min(t[i] for t in times) for i in (0, 1)]


if __name__ == "__main__":
    command.run(reading, opening)
