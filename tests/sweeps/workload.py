"""What the sweeps do with a database, step by step, and what a plain dict makes of it.

A step is a tuple: a function below and what it takes besides the database. The same function runs
on a Plain, and so says what the database has to hold afterwards.
"""

import _thread
import errno
import os
import sys
import time

sys.path[1:1] = [sys.path[0] + "/..", sys.path[0] + "/../.."]

import MicroTetherDB as module  # noqa: E402
from values import Oops, same  # noqa: E402
from values import content as copy  # noqa: E402

MICROPYTHON = sys.implementation.name == "micropython"
try:
    import flash  # noqa: E402 (the sweeps take it from here)
except ImportError:  # CPython, or a board, which has a real one
    flash = None

MicroTetherDB = module.MicroTetherDB
FILES = ("", ".log", ".tip", ".tmp")


def among(found, states):
    return any(same(found, state) for state in states)


def mixed(found, before, after):
    """Whether each key has its old or its new value, as a lock() that raises may leave it."""
    for state in (found, before, after):
        for key in state:
            if not among(found.get(key), (before.get(key), after.get(key))):
                return False
    return True


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

    def __iter__(self):
        return iter(list(self.data))

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
        if key in db and isinstance(db[key], dict):
            db[key][name] = value


def late(db, key, name, value):
    """Change a value in place outside of any block."""
    if key in db and isinstance(db[key], dict):
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
        # Back to an X that there was, past the journal: the tip that went on from it must be gone.
        (put, "kd", {"back": 0}),
        (flush,),
        (put, "kd", {"back": 1}),
        (flush,),
        (late, "kd", "back", 0),
        (put, "k0", 0),
        (flush,),
    ]
    # And a fold that writes what X had already, with a log that went on from that.
    steps += [(put, "k0", "%060d" % i) for i in range(1, 9)]
    steps += [(put, "k0", 0), (flush,), (put, "k1", -1), (create, path)]
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


class Dice:
    """Random numbers, the same on every runtime."""

    def __init__(self, seed):
        self.seed = seed * 2654435761 & 0x7FFFFFFF

    def __call__(self, sides):
        self.seed = (self.seed * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.seed >> 8) % sides

    def key(self):
        return ("k%d" if self(4) else "k%dd") % self(12)

    def value(self):
        number = self(1000)
        kind = self(9)
        if kind > 5:
            text = "abcdefgh"[: self(9)]
            return {"v": number, "s": text}
        return (
            number - 500,
            number / 8,
            (None, True, False, 0, 1, 1.0)[number % 6],
            '\U0001f600\n"' * (number % 5),
            [number, {"a": [number]}, []],
            "x" * (number * (self(20) == 0)),
        )[kind]

    def some(self, most):
        new = {}
        for _ in range(self(most)):
            key = self.key()
            new[key] = self.value()
        return new

    def keys(self):
        return [self.key() for _ in range(self(4))]


def random_step(dice, path, whole=False):
    """Return a step; if whole, one that an interrupt can't leave half done in memory."""
    kind = dice(40)
    if kind < 16:
        return put, dice.key(), dice.value()
    if kind < 20:
        return delete, dice.key()
    if kind < 23:
        return change, dice.key(), "c", dice.value()
    if kind < 26:
        return batch, dice.some(8), dice.keys()
    if kind < 29:
        return roll_back, dice.some(8), dice.keys()
    if kind < 30:
        return update, dice.some(30)
    if kind < 31:
        return (clear,) if dice(3) == 0 else (flush,)
    if kind < 32:
        return (flush,)
    if kind < 33:
        return backup, path + ".copy"
    if kind < 35 or whole:
        return create, path
    if kind < 37:
        return keep, dice.some(6), dice.keys()
    if kind < 39:
        return nest, dice.some(6), dice.keys(), dice.some(6)
    return late, dice.key(), "late", dice.value()


def take(step, db):
    """Take the step; return the database, which is a new one if it was opened."""
    opened = step[0](db, *step[1:])
    return db if opened is None else opened


def states_of(steps):
    """Return what the database and the last backup hold after each step."""
    plain = Plain()
    states = []
    for step in steps:
        step[0](plain, *step[1:])
        states.append((copy(plain.data), copy(plain.saved)))
    return states


def elsewhere(function, *args):
    """Return what function does on another thread, which must not have to wait for long."""
    result = []

    def run():
        try:
            result.append((function(*args), None))
        except Exception as error:
            result.append((None, error))

    _thread.start_new_thread(run, ())
    end = time.time() + 10
    while not result:
        time.sleep(0.0002)  # which lets it run, where there are few cores
        assert time.time() < end, "the lock is not free"
    value, error = result[0]
    if error:
        raise error
    return value


def in_threads(count, work, seconds):
    """Call work(0) to work(count - 1), all at once, on a thread each. Raise what one of them has
    raised. seconds is how long they may take."""
    ended = [False] * count
    errors = [None] * count

    def run(me):
        try:
            work(me)
        except BaseException as error:
            errors[me] = error
        ended[me] = True

    for me in range(count):
        _thread.start_new_thread(run, (me,))
    end = time.time() + seconds
    while not all(ended):
        time.sleep(0.001)
        assert time.time() < end, "threads hang: %r" % ended
    for error in errors:
        if error:
            raise error


def options(**names):
    """Return the defaults given as names, with the command line's name=value put in."""
    for word in sys.argv[1:]:
        name, _, value = word.partition("=")
        if name not in names:
            refuse("there is no option %s: %s" % (name, ", ".join(sorted(names))))
        try:
            names[name] = type(names[name])(value)
        except ValueError:
            refuse(word + ": that must be a number")
        if name == "every" and names[name] < 1:
            refuse(word + ": the least is 1")
    return names


def refuse(text):
    """End the program, which was started the wrong way."""
    print(text)
    sys.exit(2)


def files_of(path):
    """Return the files of the database at path: {ending of the name: bytes}."""
    files = {}
    for name in FILES:
        try:
            with open(path + name, "rb") as file:
                files[name] = file.read()
        except OSError:
            pass
    return files


def put_files(files, path):
    for name in FILES:
        if name in files:
            with open(path + name, "wb") as file:
                file.write(files[name])


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
    except SystemExit:
        raise
    except BaseException as error:
        if hasattr(sys, "print_exception"):
            sys.print_exception(error)
            sys.exit(1)
        raise


def copy_files(path, folder):
    """Copy the files of the database at path into folder, which is emptied first."""
    fresh(folder)
    put_files(files_of(path), folder + "/" + path.split("/")[-1])


def tell(text):
    """Print a line for the process that started this one, at once."""
    print(text)
    if not MICROPYTHON:
        sys.stdout.flush()


def leave(db):
    """Leave an open database as a power cut would."""
    db._retire("was left")


def forget():
    """Leave all that are open."""
    for db in list(module._opened.values()):
        leave(db)


def scratch():
    """Return a new folder on the host's file system."""
    if not MICROPYTHON:
        import tempfile

        return tempfile.mkdtemp()
    number = 0
    while True:
        folder = "%s/sweep%d" % (os.getenv("TMPDIR") or "/tmp", number)
        try:
            os.mkdir(folder)
            return folder
        except OSError as error:
            if error.args[0] != errno.EEXIST:
                raise
            number += 1
