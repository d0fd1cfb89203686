"""What bench.py runs on the real MicroPython: one measurement, printed as a line of JSON.

    micropython tools/bench_board.py FOLDER COMMAND [ARGUMENT...]

FOLDER is where MicroTetherDB is imported from. See the functions at the end for the commands.
"""

import gc
import json
import os
import sys
import time

ERASE_MS = 45.0  # a Pico's flash: erasing a block of 4 KB,
PAGE_MS = 0.4  # programming a page of 256 bytes


def key(i):
    return "k%04d" % i


def value(i):
    return {"v": i % 10, "s": "abcdefgh"}


def pairs(count, start=0):
    return ((key(i), value(i)) for i in range(start, start + count))


def short_keys(count):
    """Keys whose hash has 8 bits only, as all have on a Pico."""
    keys = []
    i = 0
    while len(keys) < count:
        if hash("k%04d" % i) & 0xFF00 == 0:
            keys.append("k%04d" % i)
        i += 1
    return keys


# The alternatives, each as durable: on the flash when the call returns.


class JsonFile:
    """One dict, written whole: json.dump to a temporary file, renamed over the old one."""

    def __init__(self, path):
        self.path = path
        self.data = {}

    def __setitem__(self, key, value):
        self.update(((key, value),))

    def __delitem__(self, key):
        del self.data[key]
        self.update(())

    def update(self, pairs):
        for key, value in pairs:
            self.data[key] = value
        with open(self.path + ".tmp", "w") as file:
            json.dump(self.data, file)
        os.rename(self.path + ".tmp", self.path)

    def close(self):
        pass


class Log:
    """A line of JSON appended for each change. It is never shortened: that would cost more."""

    def __init__(self, path):
        self.file = open(path, "a")  # noqa: SIM115 (close() closes it)

    def __setitem__(self, key, value):
        self.update(((key, value),))

    def __delitem__(self, key):
        self.update(((key, None),))

    def update(self, pairs):
        for pair in pairs:
            self.file.write(json.dumps(pair) + "\n")
        self.file.flush()

    def close(self):
        self.file.close()


class Btree:
    """MicroPython's own btree module, where the firmware has it."""

    def __init__(self, path):
        import btree

        self.file = open(path, "w+b")  # noqa: SIM115
        self.data = btree.open(self.file)

    def __setitem__(self, key, value):
        self.update(((key, value),))

    def __delitem__(self, key):
        del self.data[key.encode()]
        self.update(())

    def update(self, pairs):
        for key, value in pairs:
            self.data[key.encode()] = json.dumps(value).encode()
        self.data.flush()
        self.file.flush()

    def close(self):
        self.data.close()
        self.file.close()


class Floor:
    """What no durable write can undercut on littlefs: a file of this one record, replaced."""

    def __init__(self, path):
        self.path = path

    def __setitem__(self, key, value):
        with open(self.path, "w") as file:
            file.write(json.dumps((key, value)))

    def update(self, pairs):
        pass

    def close(self):
        pass


def library():
    from MicroTetherDB import MicroTetherDB

    return MicroTetherDB


STORES = {"json": JsonFile, "log": Log, "btree": Btree, "floor": Floor}


# Flash: erases and programmed bytes, counted.


def mounted(prog, size=2 * 1024 * 1024):
    import flash

    chip = flash.Flash(size, prog)
    chip.format()
    chip.mount("/flash")
    return chip


def opened(store, prog, tip):
    if store != "library":
        return STORES[store]("/flash/x.db")
    cls = library()
    if tip:
        cls.TIP_SIZE = tip
    return cls("/flash/x.db")


def counted(chip, steps, count=1):
    """Run the measured steps and sum up what each cost."""
    times = [0] * count
    done = 0
    erases = programmed = worst = 0
    gc.collect()
    before = chip.erases, chip.programmed
    for measured in steps:
        if measured:
            e = chip.erases - before[0]
            p = chip.programmed - before[1]
            erases += e
            programmed += p
            worst = max(worst, e)
            times[done] = e * ERASE_MS + p * (PAGE_MS / 256)
            done += 1
        before = chip.erases, chip.programmed
    times.sort()
    return {
        "writes": count,
        "total": erases,
        "erases": erases / count,
        "programmed": programmed / count,
        "worst": worst,
        "median": times[count // 2],
        "mean": sum(times) / count,
        "p99": times[count * 99 // 100],
        "slowest": times[-1],
    }


def sets(db, keys, writes):
    for i in range(writes):
        db[key(i * 7919 % keys)] = value(i)
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
        db.update([(key((i * 5 + j) * 7919 % keys), value(i + j)) for j in range(5)])
        yield True


WORKLOADS = {"sets": sets, "scalars": scalars, "deletes": deletes, "fives": fives}


def flash_writes(store, prog, tip, workload, keys, writes):
    keys = int(keys)
    chip = mounted(int(prog))
    db = opened(store, int(prog), int(tip))
    db.update(pairs(keys))
    if workload == "scalars":
        db.update((key(i), 0) for i in range(keys))
    return counted(chip, WORKLOADS[workload](db, keys, int(writes)), int(writes))


def flash_bulk(store, prog, tip, keys, before):
    """One transaction of new keys, beside so many that are there before."""
    chip = mounted(int(prog))
    db = opened(store, int(prog), int(tip))
    if int(before):
        db.update(pairs(int(before)))

    def step():
        db.update(pairs(int(keys), int(before)))
        yield True

    return counted(chip, step())


# RAM: the least that must be free, and what stays allocated.


def exhaust():
    """Take all that is free, and return what holds it."""
    held = None
    for piece in (1 << 18, 4096, 256, 0):
        try:
            while True:
                held = (held, bytearray(piece)) if piece else (held,)
        except MemoryError:
            pass
    return held


def fill(leave):
    """Leave so many bytes of the heap free, in one piece."""
    gc.collect()
    gap = [bytearray(leave)]
    held = exhaust()
    gap[0] = None
    gc.collect()
    return held


def punch(hole, total):
    """Leave about so many bytes free, in holes of that size: a fragmented heap."""
    holes = [None] * (total // hole)
    held = fill(total)
    pins = None
    i = 0
    try:
        while i < len(holes):  # in the one gap, so one after the other
            holes[i] = bytearray(hole)
            pins = (pins,)
            i += 1
    except MemoryError:
        pass
    rest = exhaust()
    i = 0
    while i < len(holes):
        holes[i] = None
        i += 1
    gc.collect()
    return held, pins, rest


def load(path):
    with open(path) as file:
        return json.load(file)


def prepared(name, path):
    """Return the function that does the operation called name."""
    if name == "load":
        return lambda: load(path)
    if name == "file":
        return lambda: overwritten(path)
    if name == "json write":
        store = JsonFile(path)
        store.data = load(path)
        return lambda: store.__setitem__(key(5), value(5))
    if name == "dict":  # what update() with 1,000 new keys is compared to
        data = {}
        return lambda: filled(data)
    cls = library()
    if name == "open":
        return lambda: cls(path)
    db = cls(path)
    if name == "write":
        return lambda: db.__setitem__(key(5), value(6))
    if name == "writes":  # as many as fill the tip several times
        return lambda: written(db)
    if name == "spill":
        i = 0
        store = db._store
        # Until the tip is full once more.
        while not store.end[1] or store.end[2] < db.TIP_SIZE - 60:
            i += 1
            db[key(i)] = value(i + 1)
        return lambda: db.__setitem__(key(5), value(i + 2))
    if name == "fold":
        db[key(5)] = value(6)
        return db.flush
    if name == "transaction":
        return lambda: transaction(db)
    if name == "bulk":
        return lambda: db.update(pairs(1000, len(db)))
    if name == "sets":
        return lambda: one_by_one(db)
    raise ValueError(name)


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


def overwritten(path):
    with open(path + ".tmp", "wb") as file:
        file.write(b"x")
    os.remove(path + ".tmp")


def make(path, keys):
    db = library()(path)
    db.update(pairs(int(keys)))
    db.close()
    return os.stat(path)[6]


def ram_free(name, path, free, hole=0):
    """Whether the operation works with so much free, or with so much in holes of a size."""
    operation = prepared(name, path)
    held = punch(int(hole), int(free)) if int(hole) else fill(int(free))
    try:
        result = operation()
        return bool(held) or bool(result)
    except MemoryError:
        held = None
        return False


def ram_rest(name, path):
    """How many bytes the operation leaves allocated."""
    library()
    operation = prepared(name, path)
    gc.collect()
    before = gc.mem_alloc()
    result = operation()
    gc.collect()
    return gc.mem_alloc() - before + (0 if result else 0)


# Time: of this machine, to be compared within one run.


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


def read_times(short, folder):
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


def open_time(keys, short, folder):
    """Microseconds of opening a database and of json.load of the same file."""
    count = int(keys)
    names = names_of(count, short)
    if folder == "/flash":
        mounted(256)
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


def has_btree():
    try:
        import btree

        return bool(btree)
    except ImportError:
        return False


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    print(json.dumps(globals()[sys.argv[2]](*sys.argv[3:])))
