"""A callback anywhere in the module while the workload runs: one that reads, one that writes, or
one that opens the database anew or closes it.

    micropython -X heapsize=8M tests/sweeps/callbacks.py [fs=lfs256|lfs32|fat|host]
        [every=1009] [first=0] [runs=9999]
    python tests/sweeps/callbacks.py [every=1009] [first=0] [runs=9999]

Run N has callbacks at the places N, N + every, N + 2 * every ...; so `every` runs come to each
place, or nearly: what a callback does changes how many there are.
On MicroPython a place is a branch of any code: there the interpreter runs a callback that
schedules itself over again. On CPython it is where the interpreter looks for signals in the
module: after a call, as a function begins, and where a loop goes on.

A read always answers, with a value that the key had or is just getting. A write is done, or
raises RuntimeError ("busy"). After each step memory has what the steps and the callbacks have
written, a copy of the files has the same, and no step has noticed anything.

A callback that opens or closes comes once in a run. It is refused, or the step's next use of the
database raises ValueError; what the step has done so far is kept.
"""

import sys

import fail
import workload
from workload import MICROPYTHON, MicroTetherDB, Oops, Plain, among, copy, elsewhere, module, same

if MICROPYTHON:
    import micropython
else:
    import dis
    import functools
    import signal

    @functools.cache
    def looks_for_signals(code):
        """Return the places of a function before which the interpreter looks for signals."""
        places = set()
        was = ""
        for each in dis.get_instructions(code):
            name = each.opname
            goes_on = "JUMP_BACKWARD" in name and "NO_INTERRUPT" not in name
            if goes_on or was == "RESUME" or was.startswith("CALL"):
                places.add(each.offset)
            was = name
        return places


GONE = "gone"  # stands for the value of a key that isn't there
MINE = ("c0", "c1", "c2", "c3")  # the keys that callbacks write
ONCE = 1 << 29  # more places than a run has
# A callback that ends the database comes at fewer places, since each takes a run of its own.
RARER = 10 if MICROPYTHON else 50


def loop(db, value):
    """Read, write and delete in a loop over the keys."""
    for key in db:
        if key[:1] == "k" and key[-1:] == "3":
            db[key] = value
        elif key[:1] == "k" and key[-1:] == "4":
            del db[key]
        elif key != "c0":  # which a callback may delete meanwhile
            copy(db[key])


def fall(db, new):
    """Raise in a block within a block within a block; the outermost keeps what it has done."""
    try:
        with db.lock():
            db["kept"] = len(new)
            with db.transaction():
                workload.batch(db, new)
                with db.lock():
                    db["undone"] = new
                    raise Oops
    except Oops:
        pass


MORE = [
    (workload.update, workload.some(2, 12)),
    (loop, {"v": 1}),
    (fall, workload.some(3, 4)),
    (loop, [1]),
    (workload.flush,),
]
ENDS = (workload.create, workload.close)  # the steps that end the database a callback has
UNDOES = (workload.roll_back, workload.nest, fall)  # and those that may undo what a callback wrote


class Places:
    """Counts the places where a callback can come, and calls back at those that were chosen."""

    def __init__(self, callback):
        self.callback = callback
        self.again = self.come
        self.going = False
        self.where = None  # on CPython: the function, and where in it
        self.struck_at = set()
        self.all = set()
        if not MICROPYTHON:
            signal.signal(signal.SIGUSR1, self.handle)

    def choose(self, every, first):
        self.every = every
        self.first = first
        self.count = 0
        self.struck = 0

    def handle(self, number, frame):
        self.callback()

    def come(self, _=None):
        if not self.going:
            return
        self.count += 1
        if self.count % self.every == self.first:
            self.struck += 1
            if MICROPYTHON:
                self.callback()
            else:
                self.struck_at.add(self.where)
                signal.raise_signal(signal.SIGUSR1)
        if MICROPYTHON:
            micropython.schedule(self.again, None)

    def trace(self, frame, event, arg):
        if frame.f_code.co_filename != module.__file__:
            return None
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        if event == "opcode" and frame.f_lasti in looks_for_signals(frame.f_code):
            self.where = frame.f_code, frame.f_lasti
            self.all.add(self.where)
            self.come()
        return self.trace

    def __enter__(self):
        self.going = True
        if MICROPYTHON:
            micropython.schedule(self.again, None)
        else:
            sys.settrace(self.trace)

    def __exit__(self, *_):
        self.going = False
        if not MICROPYTHON:
            sys.settrace(None)
        for _ in range(3):  # the last one that is scheduled
            pass


class Seen(Plain):
    """A Plain that notes which values each key has, one after the other."""

    def watch(self):
        self.values = {}
        self.note()

    def note(self):
        for key in set(self.values) | set(self.data):
            values = self.values.setdefault(key, [GONE])
            value = self.data.get(key, GONE)
            if not among(value, values):
                values.append(copy(value))

    def __setitem__(self, key, value):
        Plain.__setitem__(self, key, value)
        self.note()

    def __delitem__(self, key):
        Plain.__delitem__(self, key)
        self.note()

    def transaction(self):
        return _Noted(self, True)

    def lock(self):
        return _Noted(self, False)


class _Noted(workload._Block):
    def __exit__(self, kind, error, trace):
        self.plain.note()
        workload._Block.__exit__(self, kind, error, trace)


def all_values(steps):
    """Return for each step which values it may show of each key: {key: [value]}."""
    seen = Seen()
    found = []
    for step in steps:
        seen.watch()
        step[0](seen, *step[1:])
        seen.note()
        found.append(seen.values)
    return found


class Reads:
    """What a callback reads, each time in another way."""

    def __init__(self, sweep):
        self.sweep = sweep
        self.turn = 0

    def __call__(self, db):
        self.turn += 1
        keys = list(self.sweep.values)
        ways = (self.get, self.item, self.has, self.keys, self.items, self.length)
        ways[self.turn % len(ways)](db, keys[self.turn // len(ways) % len(keys)] if keys else "k")

    def see(self, key, value):
        allowed = self.sweep.values.get(key, (GONE,))
        assert among(value, allowed), "%r: has read %r, not one of %r" % (key, value, allowed)

    def get(self, db, key):
        self.see(key, db.get(key, GONE))

    def item(self, db, key):
        try:
            value = db[key]
        except KeyError:
            value = GONE
        self.see(key, value)

    def has(self, db, key):
        if key in db:
            assert self.sweep.values.get(key, (GONE,)) != [GONE], "has no %r" % key

    def keys(self, db, key):
        for key in db:
            assert key in self.sweep.values, "has no %r" % key

    def items(self, db, key):
        for key, value in db.items():
            self.see(key, value)

    def length(self, db, key):
        assert 0 <= len(db) <= len(self.sweep.values)


class Writes:
    """What a callback writes. What it was told to be done is in sweep.mine."""

    def __init__(self, sweep):
        self.sweep = sweep
        self.turn = 0

    def __call__(self, db):
        self.turn += 1
        ways = (
            self.put,
            self.update,
            self.transaction,
            self.roll_back,
            self.in_place,
            self.delete,
            self.elsewhere,
            self.save,
        )
        ways[self.turn % len(ways)](db)

    def done(self, **new):
        for key in new:
            self.sweep.mine[key] = new[key]
            self.sweep.acknowledged.setdefault(key, []).append(new[key])

    def put(self, db):
        db["c0"] = self.turn
        self.done(c0=self.turn)

    def update(self, db):
        db.update({"c1": self.turn, "c2": self.turn})
        self.done(c1=self.turn, c2=self.turn)

    def transaction(self, db):
        with db.transaction():
            db["c1"] = self.turn
            with db.lock():
                db["c2"] = self.turn
        self.done(c1=self.turn, c2=self.turn)

    def roll_back(self, db):
        try:
            with db.transaction():
                db["c1"] = "undone"
                raise Oops
        except Oops:
            pass

    def in_place(self, db):
        db["c3"] = [0]
        self.done(c3=[0])
        with db.lock():
            db["c3"].append(self.turn)
        self.done(c3=[0, self.turn])

    def delete(self, db):
        db.pop("c0", None)
        self.done(c0=GONE)

    def elsewhere(self, db):
        with MicroTetherDB(self.sweep.place.path + ".other") as other:
            other["turn"] = self.turn
            assert other["turn"] == self.turn

    def save(self, db):
        if self.turn % 16 < 8:
            db.flush()
        else:
            db.backup(self.sweep.place.path + ".saved")


class Ends:
    """Opens the database anew, and closes it or not."""

    def __init__(self, sweep):
        self.sweep = sweep

    def __call__(self, db):
        if self.sweep.places.first % 2:
            db.close()
            self.sweep.newer = None
        else:
            self.sweep.newer = MicroTetherDB(self.sweep.place.path)
        self.sweep.has_ended = True


def is_open(db):
    try:
        len(db)
        return True
    except ValueError as error:
        assert ended_by_callback(error), error
        return False


def ended_by_callback(error):
    return "was opened again" in str(error) or "is closed" in str(error)


class Sweep:
    def __init__(self, place):
        self.place = place
        script = workload.script(place.path, 24)
        self.steps = script[:-1] + MORE + script[-1:]
        self.states = workload.states_of(self.steps)
        self.all_values = all_values(self.steps)
        self.places = Places(self.callback)
        self.busy = self.done = self.refused = 0
        self.step = None

    def callback(self):
        if self.db is None:
            return
        try:
            self.act(self.db)
            self.done += 1
        except RuntimeError as error:
            self.busy += 1
            if "busy" not in str(error) or isinstance(self.act, Reads):
                self.errors.append(error)
        except ValueError as error:
            self.refused += 1
            is_in_block = isinstance(self.act, Ends) and "is in a block" in str(error)
            if self.step[0] not in ENDS and not is_in_block:
                self.errors.append(error)
        except BaseException as error:
            self.errors.append(error)

    def begin(self, act, every, first):
        self.place.fresh()
        workload.forget()
        self.act = act(self)
        self.errors = []
        self.mine = {}
        self.db = None
        self.has_ended = False
        self.places.choose(every, first)

    def try_all(self, act, every, first):
        """Try a kind of callback at the places of a run."""
        if act is not Ends:
            self.run(act, every, first)
            return
        number = 0
        while not number or self.places.struck:
            number += 1
            self.run_until(first + number * RARER * every)

    def run(self, act, every, first):
        """Run the script with callbacks at the chosen places."""
        self.begin(act, every, first)
        for i, step in enumerate(self.steps):
            self.step = step
            self.values = self.all_values[i]
            self.acknowledged = {}
            before = dict(self.mine)
            struck = self.places.struck
            with self.places:
                db = workload.take(step, self.db)
            self.db = db
            if self.errors:
                raise self.errors[0]
            if self.places.struck > struck:
                self.check(step, self.states[i][0], before)
        workload.forget()

    def run_until(self, place):
        """Run the script until a callback at this place has tried to open the database anew, or to
        close it."""
        self.begin(Ends, ONCE, place)
        for i, step in enumerate(self.steps):
            self.step = step
            self.values = self.all_values[i]
            with self.places:
                try:
                    db = workload.take(step, self.db)
                    if db is not self.db:
                        self.db = db
                        if is_open(db):  # the callback may have come just after it was opened
                            self.newer = db
                except ValueError as error:
                    if not self.has_ended or not ended_by_callback(error):
                        raise
            if self.errors:
                raise self.errors[0]
            if self.has_ended:
                self.check_what_is_left()
            elif self.places.struck:
                self.acknowledged = {}
                self.check(step, self.states[i][0], {})
            if self.places.struck:
                break
        workload.forget()

    def check_what_is_left(self):
        """Check that the database has what the step has done so far, and works."""
        with self.newer or MicroTetherDB(self.place.path) as db:
            found = copy(workload.read(db))
            for key in set(found) | set(self.values):
                value = found.get(key, GONE)
                allowed = self.values.get(key, (GONE,))
                assert among(value, allowed), "%r is %r, not one of %r" % (key, value, allowed)
            disk = fail.on_disk(self.place)
            assert same(disk, found), "memory has %r, the disk %r" % (found, disk)
            db["more"] = found["more"] = 1
            assert same(fail.on_disk(self.place), found)

    def check(self, step, expected, before):
        if step[0] is workload.close:
            found = fail.on_disk(self.place)
        else:
            found = copy(workload.read(self.db))
            disk = fail.on_disk(self.place)
            assert same(disk, found), "memory has %r, the disk %r" % (found, disk)
        mine = {key: found.pop(key, GONE) for key in MINE}
        assert same(found, expected), "%r instead of %r" % (found, expected)
        assert mine["c1"] == mine["c2"], "half of a batch: %r" % mine
        for key in MINE:
            allowed = [self.mine.get(key, GONE)]
            if step[0] is workload.clear or step[0] in UNDOES:
                was = GONE if step[0] is workload.clear else before.get(key, GONE)
                allowed = [was] + self.acknowledged.get(key, [])
            assert among(mine[key], allowed), "%r is %r, not %r" % (key, mine[key], allowed)
        self.mine = mine


def main():
    defaults = {"fs": "lfs256" if MICROPYTHON else "host", "every": 1009}
    options = workload.options(first=0, runs=9999, **defaults)
    every = options["every"]
    sweep = Sweep(fail.place_of(options["fs"]))
    last = min(options["first"] + options["runs"], every)
    for first in range(options["first"], last):
        for act in (Reads, Writes, Ends):
            try:
                sweep.try_all(act, every, first)
                elsewhere(int)
            except BaseException:
                print("WRONG on %s: %s," % (options["fs"], act.__name__), end=" ")
                print("in the step", workload.show(sweep.step))
                print("callbacks.py fs=%s every=%d" % (options["fs"], every), end=" ")
                print("first=%d runs=1" % first)
                raise
    where = "every %dth branch" % every
    if not MICROPYTHON:
        where = "%d of %d places" % (len(sweep.places.struck_at), len(sweep.places.all))
    assert sweep.busy and sweep.done > sweep.busy // 9
    came = sweep.done, sweep.busy, sweep.refused
    print("%s: %d callbacks at %s:" % (options["fs"], sum(came), where), end=" ")
    print("%d answered, %d busy, %d refused (in a block, or closed), none wrong" % came)


workload.run(main)
