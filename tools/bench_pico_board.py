"""What tools/bench_pico.py runs on the Pico: it prints a line `name value` for each figure.

KEYS is the number of keys; STORE is "library" or "json": json.dump and a rename, by hand.
"""

import gc
import json
import os
import time

gc.collect()
allocated = gc.mem_alloc()
if STORE == "library":  # noqa: F821 (the driver puts these two in front)
    from MicroTetherDB import MicroTetherDB

    gc.collect()
    print("import, bytes of heap", gc.mem_alloc() - allocated)

WRITES = 300 if STORE == "library" else 30  # noqa: F821
PATH = "bench.db"


def key(number):
    return "key%04d" % number


def value(number):
    return {"v": number, "s": "abcdefgh"}


class ByHand:
    """A dict in a file: json.dump and a rename."""

    def __init__(self, path):
        self.path = path
        self.data = {}
        if path in os.listdir():
            with open(path) as file:
                self.data = json.load(file)

    def save(self):
        with open(self.path + ".tmp", "w") as file:
            json.dump(self.data, file)
        os.rename(self.path + ".tmp", self.path)

    def __setitem__(self, key, value):
        self.data[key] = value
        self.save()

    def update(self, pairs):
        self.data.update(pairs)
        self.save()

    def close(self):
        pass


def taken(function, times=1):
    """How many microseconds a call takes, where it is made so many times."""
    gc.collect()
    start = time.ticks_us()
    for _ in range(times):
        function()
    return time.ticks_diff(time.ticks_us(), start) / times


def without_call(function):
    """The same for what is in a function: without calling that."""
    return taken(function, 20) - taken(lambda: None, 20)


def say(name, microseconds):
    """Print a figure in milliseconds."""
    print(name, microseconds / 1000)


def measure(cls, keys):
    db = cls(PATH)
    say(
        "update() of that many new keys, ms",
        taken(lambda: db.update([(key(i), value(i)) for i in range(keys)])),
    )
    if cls is not ByHand:
        db.flush()
        measure_access(db, keys)
    measure_writes(db, keys)
    if cls is not ByHand:
        db[key(0)]["v"] = -1
        say("flush() after a change, ms", taken(db.flush))
    db.close()
    del db
    gc.collect()
    start = time.ticks_us()
    db = cls(PATH)
    say("opening, ms", time.ticks_diff(time.ticks_us(), start))
    if cls is ByHand:
        return
    say("close() with nothing changed, ms", taken(db.close))
    db = cls(PATH)
    for i in range(keys * 6 // 5):
        db[key(i % keys)] = value(3000 + i)
    db._end("is left as by a power cut")
    del db
    gc.collect()
    start = time.ticks_us()
    db = cls(PATH)
    say("opening with a long journal, ms", time.ticks_diff(time.ticks_us(), start))


def measure_access(db, keys):
    name = key(3)
    db[name]

    def block():
        with db.lock():
            pass

    def read_in_block():
        with db.transaction():
            db[name]

    print("db[key], us", without_call(lambda: db[name]))
    print("db.get(key), us", without_call(lambda: db.get(name)))
    print("key in db, us", without_call(lambda: name in db))
    print("db.get() of a missing key, us", without_call(lambda: db.get("missing")))
    print("len(db), us", without_call(lambda: len(db)))
    print("an empty block, us", without_call(block))
    print("a block that reads a nested value, us", without_call(read_in_block))


def measure_writes(db, keys):
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    db[key(1)] = value(9999)
    print("garbage of a durable write, bytes", gc.mem_alloc() - before)
    gc.enable()
    times = []
    for i in range(WRITES):
        name, item = key(i * 7 % keys), value(1000 + i)
        start = time.ticks_us()
        db[name] = item
        times.append(time.ticks_diff(time.ticks_us(), start))
    times.sort()
    say("durable write, median, ms", times[WRITES // 2])
    say("durable write, mean, ms", sum(times) / WRITES)
    say("durable write, 99 %, ms", times[WRITES * 99 // 100])
    say("durable write, worst, ms", times[-1])


measure(MicroTetherDB if STORE == "library" else ByHand, KEYS)  # noqa: F821
