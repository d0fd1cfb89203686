"""Damaged files: opening them gives a state that the database once had, or raises ValueError.

    micropython -X heapsize=4M tests/sweeps/damage.py [first=0] [count=5000] [tip=448]
    python tests/sweeps/damage.py [first=0] [count=5000] [tip=448]

Good files of every shape, with log, tip and temporary file, are damaged at random: bits and bytes
flipped, parts cut, repeated or zeroed, files missing, swapped, of another time or database. What
makes opening raise must be left as it is, byte for byte; and X wherever it was there. A flipped
bit costs the last change at most; only where X is missing or empty, a new database is found.
"""

import sys

import workload
from workload import FILES, Dice, MicroTetherDB, among, files_of, read, same

DATABASES = 2
STEPS = 120
SHAPES = 5  # of the files at each time
EMPTY = 70  # bytes: an X without any data


class Database:
    """The states that a database had, and files of it that are good: some dicts for each time."""

    def __init__(self, number, folder):
        self.states = [{}]
        self.files = []
        path = folder + "/x.db"
        workload.fresh(folder)
        plain = workload.Plain()
        db = MicroTetherDB(path)
        for i in range(STEPS):
            step = workload.random_step(Dice(number * 1000 + i), path)
            if step[0] is workload.flush and i % 3:
                continue  # or the journal would never get long
            workload.take(step, plain)
            db = workload.take(step, db)
            self.states.append(workload.copy(plain.data))
            self.gather(files_of(path), folder + "-fold")
        db.close()

    def allowed(self, number, files, what):
        """Return the states that may be found where good files of that number were damaged."""
        if what.split(" ")[0] in ("flip", "flip_newline"):
            last = number // SHAPES + 1
            before = last
            while before and same(self.states[before], self.states[last]):
                before -= 1
            return [self.states[last], self.states[before]]
        return self.states[len(files.get("", b"")) > EMPTY :]

    def gather(self, files, folder):
        """Add files, and what a cut in the next fold would leave."""
        self.files.append(files)
        workload.fresh(folder)
        workload.put_files(files, folder + "/x.db")
        db = MicroTetherDB(folder + "/x.db")
        db.flush()
        db.close()
        folded = files_of(folder + "/x.db")[""]
        self.files.append(dict(files, **{".tmp": folded}))
        self.files.append(dict(files, **{".tmp": folded[: len(folded) // 2]}))
        fat = dict(files, **{".tmp": folded})
        del fat[""]
        self.files.append(fat)
        self.files.append({".tmp": folded})


def flip(data, dice, all_bits=False):
    data = bytearray(data)
    for _ in range(1 + dice(3) * all_bits):
        data[dice(len(data))] ^= 1 + dice(255) if all_bits else 1 << dice(8)
    return bytes(data)


def flip_bytes(data, dice):
    return flip(data, dice, True)


def flip_newline(data, dice):
    """Flip a bit of a line's last byte, or of the last byte of all."""
    at = data.find(b"\n", dice(len(data)))
    return data[:at] + flip(data[at:][:1], dice) + data[at:][1:]


def part(data, dice):
    start = dice(len(data))
    return start, start + 1 + dice(min(len(data) - start, 1 + dice(len(data))))


def cut(data, dice):
    return data[: dice(len(data))]


def cut_out(data, dice):
    start, end = part(data, dice)
    return data[:start] + data[end:]


def repeat(data, dice):
    start, end = part(data, dice)
    return data[:end] + data[start:end] + data[end:]


def zero(data, dice):
    start, end = part(data, dice)
    return data[:start] + bytes(end - start) + data[end:]


CHANGES = (flip, flip_newline, flip_bytes, cut, cut_out, repeat, zero)


def damage(files, dice, same_database, other):
    """Return damaged files, and what was done to them."""
    files = dict(files)
    names = [name for name in FILES if name in files and files[name]]
    name = names[dice(len(names))]
    kind = dice(12)
    if kind < 7:
        files[name] = CHANGES[kind](files[name], dice)
        return files, "%s of X%s" % (CHANGES[kind].__name__, name)
    if kind == 7:
        del files[name]
        return files, "X%s missing" % name
    to = FILES[dice(4)]
    if kind == 8:
        was = files.pop(to, None)
        files[to] = files.get(name) or was
        if was is not None and to != name:
            files[name] = was
        return files, "X%s and X%s swapped" % (name, to)
    source = other if kind == 9 else same_database
    source = source.files[dice(len(source.files))]
    if to in source:
        files[to] = source[to]
    return files, "X%s from another %s" % (to, "database" if kind == 9 else "time")


class Sweep:
    def __init__(self, folder):
        self.databases = [Database(i, folder + "/good%d" % i) for i in range(DATABASES)]
        self.folder = folder + "/damaged"
        self.refused = self.opened = 0

    def run(self, n):
        dice = Dice(n)
        mine = dice(DATABASES)
        database = self.databases[mine]
        other = self.databases[1 - mine]
        number = dice(len(database.files))
        files, self.what = damage(database.files[number], dice, database, other)
        workload.fresh(self.folder)
        path = self.folder + "/x.db"
        workload.put_files(files, path)
        workload.forget()
        found = None
        try:
            found = read(MicroTetherDB(path))
        except ValueError:
            self.refused += 1
        left = files_of(path)
        if found is None:
            assert left == files, "refused, but the files were changed"
        else:
            self.opened += 1
            states = database.allowed(number, files, self.what)
            if self.what[-8:] == "database":
                states = states + other.states
            assert among(found, states), "it never had %r" % found
            if files.get(""):
                assert left[""] == files[""], "X was changed"


def main():
    options = workload.options(first=0, count=5000, tip=448)
    MicroTetherDB.TIP_SIZE = options["tip"]
    sweep = Sweep(workload.scratch())
    for n in range(options["first"], options["first"] + options["count"]):
        try:
            sweep.run(n)
        except BaseException:
            print("WRONG: number %d, %s" % (n, sweep.what))
            print("tests/sweeps/damage.py first=%d count=1 tip=%d" % (n, options["tip"]))
            raise
    print(
        "%s: %d damages: %d refused, %d opened with a state that once was"
        % (sys.implementation.name, options["count"], sweep.refused, sweep.opened)
    )


workload.run(main)
