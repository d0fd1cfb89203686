"""What the sweeps do with a database, step by step, and what a plain dict makes of it.

A step is a tuple: a function below and what it takes besides the database. The same function runs
on a Plain, and so says what the database has to hold afterwards.
"""

import os
import sys

sys.path[1:1] = [sys.path[0] + "/..", sys.path[0] + "/../.."]

import MicroTetherDB as module  # noqa: E402

MICROPYTHON = sys.implementation.name == "micropython"
if MICROPYTHON:
    import flash  # noqa: E402, F401 (the sweeps take it from here)

MicroTetherDB = module.MicroTetherDB
FILES = ("", ".log", ".tip", ".tmp")


class Oops(Exception):
    """Raised in a block to make it fail."""


def copy(value):
    if isinstance(value, dict):
        return {key: copy(value[key]) for key in value}
    if isinstance(value, list):
        return [copy(item) for item in value]
    return value


def same(a, b):
    """Whether a and b are the same JSON: 1, 1.0 and True are not."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return len(a) == len(b) and all(key in b and same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(a[i], b[i]) for i in range(len(a)))
    return a == b


def among(found, states):
    return any(same(found, state) for state in states)


def read(db):
    return {key: db[key] for key in db}


class _Block:
    def __init__(self, plain, undo):
        self.plain = plain
        self.undo = undo

    def __enter__(self):
        self.before = copy(self.plain.data)
        return self.plain

    def __exit__(self, kind, error, trace):
        if kind is not None and self.undo:
            self.plain.data = self.before


class Plain:
    """A dict in memory with the methods of a database that the steps use."""

    def __init__(self, data=None):
        self.data = data or {}
        self.saved = {}  # what the last backup has

    def __getitem__(self, key):
        return self.data[key]

    def __setitem__(self, key, value):
        self.data[key] = copy(value)

    def __delitem__(self, key):
        del self.data[key]

    def __contains__(self, key):
        return key in self.data

    def update(self, new):
        self.data.update(copy(new))

    def clear(self):
        self.data = {}

    def transaction(self):
        return _Block(self, True)

    def lock(self):
        return _Block(self, False)

    def backup(self, path):
        self.saved = copy(self.data)

    def flush(self):
        pass

    close = flush


# Steps


def create(db, path):
    """Open; without a close() before, that takes over."""
    return db if isinstance(db, Plain) else MicroTetherDB(path)


def close(db):
    db.close()


def put(db, key, value):
    db[key] = value


def delete(db, key):
    if key in db:
        del db[key]


def change(db, key, name, value):
    with db.transaction():
        db[key][name] = value


def late(db, key, name, value):
    """Change a value in place outside of any block."""
    db[key][name] = value
    db.flush()


def _mix(db, new, gone):
    for key in new:
        db[key] = new[key]
    for key in gone:
        delete(db, key)
        if key + "d" in db and isinstance(db[key + "d"], dict):
            db[key + "d"]["changed"] = [1]


def batch(db, new, gone=()):
    with db.transaction():
        _mix(db, new, gone)


def roll_back(db, new, gone=()):
    try:
        with db.transaction():
            _mix(db, new, gone)
            raise Oops
    except Oops:
        pass


def keep(db, new, gone=()):
    """A lock() block that raises keeps what was done."""
    try:
        with db.lock():
            _mix(db, new, gone)
            raise Oops
    except Oops:
        pass


def nest(db, new, gone, inner):
    with db.lock():
        _mix(db, new, gone)
        roll_back(db, inner, new)
        with db.transaction():
            db["nest"] = len(new)


def update(db, new):
    db.update(new)


def clear(db):
    db.clear()


def flush(db):
    db.flush()


def backup(db, path):
    db.backup(path)


def show(step):
    """The step as text for a report."""
    return "%s(%s)" % (step[0].__name__, ", ".join([repr(item)[:60] for item in step[1:]]))


def some(i, n, name="k"):
    """Return n keys with a value each."""
    return {"%s%d" % (name, j): {"v": i, "s": "abcdefgh"[: 3 + (i + j) % 6]} for j in range(n)}


def script(path, puts=70):
    """Return the steps that reach every path of the module, for a database at path."""
    spare = path + ".copy"
    steps = [
        (create, path),
        (put, "a", {"v": 0}),
        (put, "a", {"v": 0}),
        (put, "", '\U0001f600 "\\\n\0'),
        (put, "n", 1),
        (put, "n", True),
        (put, "n", 1.0),
        (delete, "a"),
        (batch, some(0, 6), ["n"]),
        (roll_back, {"k0": 5, "new": [[]]}, ["k1", "k"]),
        (put, "kd", {"list": [1, {}]}),
        (roll_back, some(9, 8), ["k1", "k", ""]),
        (change, "kd", "list", [2.5, None]),
        (keep, {"k0": "kept", "new": {}}, ["k1", "k"]),
        (nest, {"k2": 0, "kd": {}}, ["k4", "k"], some(8, 7)),
        (late, "kd", "late", "x" * 40),
        (flush,),
        (backup, spare),
        (update, some(1, 36)),
    ]
    steps += [(put, "k%d" % (i % 36), {"v": i, "s": "abcdefgh"}) for i in range(puts)]
    steps += [
        (close,),
        (create, path),
        (put, "big", "0123456789" * 150),
        (put, "big", ["0123456789" * 15] * 10),
        (put, "k3", None),
        (delete, "big"),
        (create, path),
        (put, "k4", -1),
        (roll_back, {"k4": 0}, ["k5"]),
        (clear,),
        (put, "z", ""),
        (backup, spare),
        (delete, "z"),
        (close,),
        (create, path),
        (put, "k1", [1, "two", {"3": 4.5}]),
        (put, "k2", {"v": 2}),
        (late, "k2", "v", 3),
        (close,),
    ]
    return steps


def states_of(steps):
    """Return what the database and the last backup hold after each step."""
    plain = Plain()
    states = []
    for step in steps:
        step[0](plain, *step[1:])
        states.append((copy(plain.data), copy(plain.saved)))
    return states


def options(**names):
    """Return the defaults given as names, with the command line's name=value put in."""
    for word in sys.argv[1:]:
        name, value = word.split("=")
        names[name] = type(names[name])(value)
    return names


def fresh(folder):
    """Make folder, or empty it."""
    try:
        os.mkdir(folder)
    except OSError:
        for name in os.listdir(folder):
            os.remove(folder + "/" + name)


def run(main):
    """Run main; what it raises, a MemoryError too, is printed and makes the exit status 1."""
    try:
        main()
    except BaseException as error:
        if hasattr(sys, "print_exception"):
            sys.print_exception(error)
            sys.exit(1)
        raise
