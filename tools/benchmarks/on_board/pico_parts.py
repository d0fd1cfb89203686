"""What benchmarks/pico.py measures on an emulated Pico: part by part, each after a reset.

    run(PART, STORE, KEYS)      prints the figures as a line of JSON

STORE is "library" or a name in stores.ALL. Times are in microseconds.
"""

import _thread
import gc
import json
import os
import time
from array import array
from binascii import crc32

import machine

import fragments
import stores
from stores import key

PATH = "bench.db"
ERASES = 0x50900000  # where the emulator tells how many there were,
PAGES = ERASES + 4  # and how many pages were programmed
PROFILE = ERASES + 8  # written: 1 begins what is profiled, 0 ends it
PAGE = 256  # bytes
IN_HOLES = 48 * 1024  # bytes that are free where the heap is fragmented
STEP = 128  # bytes: so finely is the size of the holes tried
ROUNDS = 20  # of what takes microseconds only


def run(part, store, keys):
    gc.collect()
    before = gc.mem_alloc()
    cls = stores.library() if store == "library" else stores.ALL[store]
    gc.collect()
    found = {"import": gc.mem_alloc() - before}
    found.update(PARTS[part](cls, keys))
    print(json.dumps(found))


def value(number):
    return {"v": 1000 + number, "s": "abcdefgh"}


def taken(function, times=1):
    """How many microseconds a call takes, where it is made so many times."""
    gc.collect()
    start = time.ticks_us()
    for _ in range(times):
        function()
    return time.ticks_diff(time.ticks_us(), start) / times


def without_call(function):
    """The same for what is in a function: without calling that."""
    return taken(function, ROUNDS) - taken(lambda: None, ROUNDS)


def make(cls, keys):
    """A database of so many keys, for the other parts."""
    db = cls(PATH)
    update = taken(lambda: db.update([(key(i), value(i)) for i in range(keys)]))
    db.close()
    return {"update": update}


def access(cls, keys):
    db = cls(PATH)
    name = key(3)
    db[name]

    def block():
        with db.lock():
            pass

    def read_in_block():
        with db.transaction():
            db[name]

    return {
        "item": without_call(lambda: db[name]),
        "get": without_call(lambda: db.get(name)),
        "in": without_call(lambda: name in db),
        "missing": without_call(lambda: db.get("missing")),
        "len": without_call(lambda: len(db)),
        "block": without_call(block),
        "read": without_call(read_in_block),
    }


def count_of_writes(cls, keys):
    if cls is stores.JsonFile:
        return max(20, 2000 // keys)
    return 300 + 2 * keys  # the database folds once at least


def writes(cls, keys):
    count = count_of_writes(cls, keys)
    times = array("I", bytes(4 * count))  # now, while the heap is whole
    db = cls(PATH)
    db[key(0)] = value(-1)  # now it has a journal
    erases, pages = machine.mem32[ERASES], machine.mem32[PAGES]
    for i in range(count):
        name, item = key(i * 7 % keys), value(i + 1)
        start = time.ticks_us()
        db[name] = item
        times[i] = time.ticks_diff(time.ticks_us(), start)
    erases = machine.mem32[ERASES] - erases
    pages = machine.mem32[PAGES] - pages
    db.close()
    del db
    times = sorted(times)
    return {
        "erases": erases / count,
        "programmed": pages * PAGE // count,
        "median": times[count // 2],
        "mean": sum(times) / count,
        "99 %": times[count * 99 // 100],
        "worst": times[-1],
    }


def garbage(cls, keys):
    db = cls(PATH)
    for i in range(3):
        db[key(0)] = value(i)
    name, item = key(1), value(9)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    db[name] = item
    return {"garbage": gc.mem_alloc() - before}


def opening(cls, keys):
    opened = []
    open_it = taken(lambda: opened.append(cls(PATH)))
    return {"open": open_it, "close": taken(opened[0].close)}


def flush(cls, keys):
    db = cls(PATH)
    db[key(0)]["v"] = -1
    return {"flush": taken(db.flush)}


def journal(cls, keys):
    """A database with a long journal, not closed."""
    db = cls(PATH)
    for i in range(keys * 6 // 5):
        db[key(i % keys)] = value(i + 1)
    return {}


def iteration(cls, keys):
    db = cls(PATH)

    def walk_keys():
        for _ in db:
            pass

    def walk_items():
        for _ in db.items():
            pass

    return {"keys": longest_piece(walk_keys), "items": longest_piece(walk_items)}


class Plain:
    """A dict in 16 parts behind a lock, and nothing else: no database can undercut it."""

    def __init__(self):
        self.lock = _thread.allocate_lock()
        self.parts = [{} for _ in range(16)]

    def __getitem__(self, name):
        lock = self.lock
        part = self.parts[crc32(name) & 15]
        lock.acquire()
        found = part.get(name)
        lock.release()
        return found

    def __len__(self):
        with self.lock:
            return sum(map(len, self.parts))

    def __enter__(self):
        self.lock.acquire()

    def __exit__(self, kind, error, trace):
        self.lock.release()


def floors(cls, keys):
    """What the operations of a database are made of, each by itself."""
    plain = Plain()
    name = key(3)
    record = [name, value(3)]
    text = json.dumps(record)
    with open(PATH) as file:
        lines = file.read().strip().split("\n")[1:-1]
    texts = []
    for i in range(0, len(lines), 15):  # about half a KB, as the library reads
        texts.append("{" + "".join(lines[i : i + 15]).rstrip(",") + "}")
    del lines

    def block():
        with plain:
            pass

    def parse():
        for text in texts:
            json.loads(text)

    def dump():
        for _ in range(keys):
            json.dumps(record)

    found = {
        "method": without_call(lambda: plain[name]),
        "lengths": without_call(lambda: len(plain)),
        "with": without_call(block),
        "dumps": without_call(lambda: json.dumps(record)),
        "loads": without_call(lambda: json.loads(text)),
        "stat": without_call(lambda: os.stat(PATH)),
        "parse": taken(parse),
        "dump": taken(dump),
    }
    db = cls(PATH)
    found["collect"] = taken(gc.collect)
    db.close()
    return found


def longest_piece(function):
    """The least size of the heap's holes in which a function works: a multiple of STEP."""

    def works(hole):
        held = fragments.punch(hole, IN_HOLES)
        if fragments.has_piece(2 * hole + 64):
            raise RuntimeError("the heap is not fragmented")
        try:
            function()
            return True
        except MemoryError:
            return False
        finally:
            for chain in held:
                fragments.release(chain)

    return fragments.smallest(works, STEP)


def profile(cls, keys):
    """The emulator profiles so many writes, and is told which function is where."""
    tell_functions(__import__("MicroTetherDB"))
    db = cls(PATH)
    gc.collect()
    for i in range(300):
        name, item = key(i * 7 % keys), value(i + 1)
        machine.mem32[PROFILE] = 1
        db[name] = item
        machine.mem32[PROFILE] = 0
    return {}


def tell_functions(module):
    kinds = type(tell_functions), type(generator)
    owners = [module] + [getattr(module, name) for name in dir(module)]
    for owner in owners:
        if owner is module or isinstance(owner, type):
            for name in dir(owner):
                function = getattr(owner, name)
                if isinstance(function, kinds):
                    prefix = "" if owner is module else owner.__name__ + "."
                    print("function", id(function), prefix + name)


def generator():
    yield


PARTS = {
    "make": make,
    "access": access,
    "writes": writes,
    "garbage": garbage,
    "opening": opening,
    "flush": flush,
    "journal": journal,
    "opening with journal": opening,
    "iteration": iteration,
    "profile": profile,
    "floors": floors,
}
