"""Callbacks run on the thread that they interrupt: wherever its code branches. None deadlocks,
none tears a batch, and what one acknowledges is durable; in a block of the user's that it
interrupts, by the end of that.

On a board that is micropython.schedule() and what builds on it, timers and pins; on a PC a signal
handler.
"""

from MicroTetherDB import MicroTetherDB
from support import (
    CPYTHON,
    Oops,
    Small,
    after_a_crash,
    content,
    files,
    found,
    only,
    raises,
    replaced,
    threaded,
)
from test_threads import Thread

if CPYTHON:
    import signal


class Ticking:
    """A block in which a callback runs as often as it can."""

    def __init__(self, callback):
        self.callback = callback
        self.errors = []
        self.runs = self.ticks = 0
        self.going = True

    def run(self, *_):
        if not self.going or self.runs == 500:
            return
        self.ticks += 1
        if not CPYTHON and self.ticks % 41:  # at each of the branches in turn, but not at all
            self.again()
            return
        self.runs += 1
        try:
            self.callback()
        except BaseException as error:
            self.errors.append(error)
        if not CPYTHON:
            self.again()

    def again(self):
        import micropython

        micropython.schedule(self.run, None)

    def __enter__(self):
        if CPYTHON:
            self.was = signal.signal(signal.SIGALRM, self.run)
            signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
        else:
            self.again()
        return self

    def __exit__(self, *_):
        self.going = False
        if CPYTHON:
            signal.setitimer(signal.ITIMER_REAL, 0, 0)
            signal.signal(signal.SIGALRM, self.was)


@only("cpython host", "the simulated disks are in Python, which a callback would interrupt, too")
def test_a_read_in_a_callback_always_answers(path):
    db = MicroTetherDB(path)
    db.update(a=1, b={"n": 1})
    seen = set()

    def read():
        seen.add(str((db.get("a"), db["b"]["n"], "a" in db, "c" in db, len(db), sorted(db))))

    with Ticking(read) as ticking:
        for i in range(2000):
            assert db["a"] == 1 and db.get("b") == {"n": 1} and len(db) == 2
            if i % 20 == 0:
                db["b"] = {"n": 1}
    assert not ticking.errors, ticking.errors
    assert ticking.runs > 3
    assert seen == {str((1, 1, True, False, 2, ["a", "b"]))}


def busy(errors):
    """Whether all that was raised says that the database is busy."""
    return all(isinstance(error, RuntimeError) and "busy" in str(error) for error in errors)


@only("cpython host", "the simulated disks are in Python, which a callback would interrupt, too")
def test_what_a_callback_has_written_is_durable_or_it_was_told_busy(path):
    db = Small(path)
    acknowledged = {}
    count = [0]

    def write():
        count[0] += 1
        n = count[0]  # a signal can come in a signal's handler, too
        db["c%d" % (n % 20)] = n
        acknowledged["c%d" % (n % 20)] = n

    with Ticking(write) as ticking:
        for i in range(300):
            db["main"] = i
            db.update({"u%d" % n: i for n in range(6)})
    assert ticking.runs > 3
    assert busy(ticking.errors), ticking.errors
    assert content(db) == after_a_crash(path)
    for key in acknowledged:
        assert db[key] == acknowledged[key]
    assert {db["u%d" % n] for n in range(6)} == {299}


@only("cpython host", "the simulated disks are in Python, which a callback would interrupt, too")
def test_what_a_callback_writes_in_the_middle_of_an_operation_is_durable_at_once(path):
    db = Small(path)
    db["there"] = [1]
    count = [0]
    written = []  # what a callback has written, and the files as it went on
    going = []

    def write():
        if going:  # a signal can come in a signal's handler, too, while that reads the files
            return
        going.append(1)
        try:
            count[0] += 1
            db["callback"] = count[0]
            written.append((count[0], files(path)))
        finally:
            going.clear()

    for operation in (
        lambda i: db.setdefault("there", i),
        lambda i: (db.setdefault("new", [i]), db.pop("new")),
        lambda i: db.pop("missing", i),
        lambda i: db.update(a=i, b=i),
        lambda i: db.flush(),
        lambda i: db.__setitem__("there", [i]),
    ):
        for i in range(40):
            with Ticking(write) as ticking:
                operation(i)
            assert busy(ticking.errors), ticking.errors
            for n, left in written:
                assert found(path, left)["callback"] == n
            written.clear()
    assert content(db) == after_a_crash(path)


@threaded
@only("cpython host", "the simulated disks are in Python, which a callback would interrupt, too")
def test_a_write_beside_callbacks_and_another_threads_blocks_is_not_refused(path):
    db = Small(path)
    going = [True]

    def other():
        while going:
            with db.lock():
                if not going:
                    return

    def write():
        db["callback"] = 1

    thread = Thread(other)
    try:
        for i in range(20):
            with Ticking(write) as ticking:
                for n in range(50):
                    db["main"] = i, n
            assert busy(ticking.errors), ticking.errors
    finally:
        going.clear()
    thread.join()
    assert db["main"] == after_a_crash(path)["main"] == [19, 49]


@only("cpython host", "the simulated disks are in Python, which a callback would interrupt, too")
def test_a_callback_never_sees_its_batch_torn_nor_tears_one(path):
    db = Small(path)
    db.update({"u%d" % n: 0 for n in range(6)})
    count = [0]

    def write():
        count[0] += 1
        db.update({"c%d" % n: count[0] for n in range(4)})

    with Ticking(write) as ticking:
        for i in range(200):
            db.update({"u%d" % n: i for n in range(6)})
            disk = {}
            if i % 20 == 0:
                with db.lock():  # no callback changes the files meanwhile
                    disk = after_a_crash(path)
            assert len({disk[key] for key in disk if key[0] == "u"}) < 2
            assert len({disk[key] for key in disk if key[0] == "c"}) < 2
    assert busy(ticking.errors), ticking.errors
    assert content(db) == after_a_crash(path)


@only("cpython host", "the simulated disks are in Python, which a callback would interrupt, too")
def test_every_operation_in_a_callback_is_told_busy_or_done(path):
    db = Small(path)
    db.update(a=1, b=[1])
    turn = [0]
    ways = [
        lambda: db.__setitem__("x", 1),
        lambda: db.pop("x", None),
        lambda: db.setdefault("y", []),
        lambda: db.update(z=1),
        lambda: db.flush(),
        lambda: db.backup("backup.db"),
        lambda: in_a_block(db),
    ]

    def do_one():
        turn[0] += 1
        ways[turn[0] % len(ways)]()

    with Ticking(do_one) as ticking:
        for i in range(150):
            db["a"] = i
            db["b"] = [i]
    assert busy(ticking.errors), ticking.errors
    assert db["a"] == 149 and db["b"] == [149]
    assert content(db) == after_a_crash(path)


def in_a_block(db):
    with db.transaction():
        db["x"] = 2


@only("cpython host", "the simulated disks are in Python, which a callback would interrupt, too")
def test_a_write_in_a_callback_outlives_the_reading_back_of_what_was_rolled_back(path):
    db = Small(path)
    last = [0]  # what is to be found
    allowed = []
    going = []

    def write():
        if allowed and not going:
            going.append(1)  # a signal can come in a signal's handler, too
            db["a"] = {"n": last[0] + 1}
            last[0] += 1
            going.clear()

    db["a"] = {"n": 0}
    with Ticking(write) as ticking:
        for _ in range(500):
            try:
                with db.transaction():
                    db["a"]["n"] = -1
                    raise Oops
            except Oops:
                pass
            with db.lock():
                allowed.append(1)
                assert db["a"]["n"] >= 0
                allowed.clear()
            assert db["a"]["n"] == last[0]
    assert busy(ticking.errors), ticking.errors
    assert content(db) == after_a_crash(path) == {"a": {"n": last[0]}}


@only("cpython host", "the simulated disks are in Python, which a callback would interrupt, too")
def test_a_change_in_place_is_saved_or_rolled_back_whatever_a_callback_writes_meanwhile(path):
    db = Small(path)
    db.update(a={"n": 0}, b={"l": []})
    added = [0]

    def write():
        if added[0] % 2:
            db["c"] = added[0]
        else:
            with db.lock():
                db["a"]["n"] += 1

    with Ticking(write) as ticking:
        for n in range(150):
            try:
                with db.transaction():
                    db["b"]["l"] = [n]
                    if n % 3 == 0:
                        raise Oops
                added[0] = n
            except Oops:
                pass
            with db.lock():  # no callback changes the files meanwhile
                assert db["b"]["l"] == ([added[0]] if added[0] else [])
    assert busy(ticking.errors), ticking.errors
    assert content(db) == after_a_crash(path)


@only("cpython host", "the simulated disks are in Python, which a callback would interrupt, too")
def test_a_change_that_a_callback_makes_in_place_while_it_is_saved_stays(path):
    db = Small(path)
    db.update(stats={"count": 0, "of": {"n": 0}}, ring=list(range(8)))
    count = [0]
    going = []

    def change():
        if going:  # a signal can come in a signal's handler, too
            return
        going.append(1)
        count[0] += 1
        db["stats"]["count"] += 1
        db["stats"]["of"]["n"] += 1
        ring = db["ring"]
        ring.append(7 + count[0])
        ring.pop(0)
        going.clear()

    def in_a_block(block):
        with block as d:
            assert d["stats"] and d["ring"]

    for work in (
        db.flush,
        lambda: db.backup(path + ".copy"),
        lambda: in_a_block(db.lock()),
        lambda: in_a_block(db.transaction()),
        lambda: db.__setitem__("long", "x" * 900 + str(count[0])),
    ):
        with Ticking(change) as ticking:
            for _ in range(60):
                work()
        assert not ticking.errors, ticking.errors
        n = count[0]
        assert db["stats"] == {"count": n, "of": {"n": n}}
        assert db["ring"] == list(range(n, n + 8))
    assert count[0] > 10
    wanted = content(db)
    db.close()
    assert content(MicroTetherDB(path)) == wanted


@only("cpython host", "the simulated disks are in Python, which a callback would interrupt, too")
def test_a_write_in_a_callback_is_saved_with_the_block_whose_inner_block_it_interrupts(path):
    db = Small(path)
    count = [0]

    def write():
        count[0] += 1
        db["c%d" % (count[0] % 5)] = [count[0]]

    with Ticking(write) as ticking:
        for n in range(150):
            with db.transaction():
                db["a"] = n
                with db.lock():
                    db["b"] = n
            with db.lock():
                pass
    assert ticking.runs > 3
    assert busy(ticking.errors), ticking.errors
    assert content(db) == after_a_crash(path)


@only("cpython host", "the simulated disks are in Python, which a callback would interrupt, too")
def test_a_read_in_a_callback_stops_neither_an_inner_transaction_nor_a_backup(path):
    db = MicroTetherDB(path)
    count = 60
    db.update({"k%d" % n: {"n": [n]} for n in range(2 * count)})
    turn = [0]

    def read():
        n = turn[0] = (turn[0] + 1) % (2 * count)  # it may be interrupted itself
        assert db["k%d" % n]["n"][0] == n

    for _ in range(40):
        with db.transaction():
            for n in range(count):
                db["k%d" % n]["n"].append(0)
            with Ticking(read) as ticking:
                with db.transaction():
                    db["inner"] = 1
                db.backup(path + "2")
            assert not ticking.errors
    assert content(db) == after_a_crash(path)


@only("host", "a callback at each of so many branches: on CPython it can't be placed")
def test_a_value_that_a_callback_reads_while_it_is_set_is_checked_as_any(path):
    import micropython

    db = MicroTetherDB(path)
    db["k"] = {"l": [0]}
    left = [0]

    def read(_):
        if left[0]:
            left[0] -= 1
            db["k"]["l"]
            micropython.schedule(read, None)

    for n in range(1, 120):
        mine = [7]
        with db.lock():
            left[0] = n
            micropython.schedule(read, None)
            db["k"] = {"l": [n], "t": 0}
            left[0] = 0
            for _ in range(3):  # it runs for the last time
                pass
            db["k"]["t"] = (1, 2)
            db["k"]["m"] = mine
        mine.append(8)
        assert db["k"] == {"l": [n], "t": [1, 2], "m": [7]}, n
    assert content(db) == after_a_crash(path)


def call_at_branch(count, act):
    """Have act() called in a callback, at MicroPython's branch of that number from here on. Return
    [how many are left]."""
    import micropython

    left = [count]

    def strike(_):
        left[0] -= 1
        if left[0]:
            micropython.schedule(strike, None)
        else:
            act()

    micropython.schedule(strike, None)
    return left


@only("host", "a callback at each of so many branches: on CPython it can't be placed")
def test_a_value_that_a_callback_sets_while_it_is_read_again_is_found(path):
    db = MicroTetherDB(path)

    def write():
        db["k"] = {"n": -1}

    for n in range(1, 200):
        db["k"] = {"n": n}
        with db.lock():
            db["k"]
            if n % 2:  # then it is another dict that is read again
                try:
                    with db.transaction():
                        db["k"]["n"] = 0
                        raise Oops
                except Oops:
                    pass
            left = call_at_branch((n + 1) // 2, write)
            assert db["k"]["n"] in (n, -1)
            while left[0]:
                pass
        assert content(db) == after_a_crash(path) == {"k": {"n": -1}}, n


@only("host", "a callback at each of so many branches: on CPython it can't be placed")
def test_what_a_callback_does_while_one_of_many_values_is_read_is_saved(path):
    db = MicroTetherDB(path)
    db.update({"x%d" % i: [i] for i in range(300)})

    def put():
        db["k"] = {"new": [1]}

    def put_and_read():
        put()
        db["k"]["new"].append(2)

    def delete():
        db.pop("k")

    def shrink():
        db["k"]["l"].clear()
        db["k"].pop("n")

    def undo():
        try:
            with db.transaction():
                db["k"]["l"].append(0)
                raise Oops
        except Oops:
            pass

    old = {"l": [[n] for n in range(6)], "n": 1, "m": {}}
    for act, wanted in (
        (put, {"new": [1]}),
        (put_and_read, {"new": [1, 2]}),
        (delete, None),
        (shrink, {"l": [], "m": {}}),
        (undo, old),
    ):
        for n in range(1, 120):
            db["k"] = old
            with db.lock():
                for key in db:
                    assert key == "k" or db[key] is not None
                left = call_at_branch(n, act)
                db.get("k")
                while left[0]:
                    pass
            assert db.get("k") == wanted, n
            assert content(db) == after_a_crash(path), n


@only("host", "a callback at each of so many branches: on CPython it can't be placed")
def test_what_a_callback_writes_while_a_transaction_is_refused_is_saved_or_it_was_told_busy(path):
    db = MicroTetherDB(path)
    db["bad"] = []
    acknowledged = []

    def write():
        try:
            db["k"] = n  # noqa: B023
            acknowledged.append(n)  # noqa: B023
        except RuntimeError as error:
            assert "busy" in str(error)

    for n in range(1, 150):
        with db.lock():
            db["bad"].append({1})
            left = call_at_branch(n, write)
            raises(TypeError, db.transaction().__enter__)
            while left[0]:
                pass
            db["bad"].pop()
        assert content(db) == after_a_crash(path)
        assert not acknowledged or db["k"] == acknowledged[-1]
    assert acknowledged


@only("host", "a callback at each of so many branches: on CPython it can't be placed")
def test_what_a_callback_writes_while_a_block_that_never_ended_is_undone_is_kept_or_undone(path):
    db = MicroTetherDB(path)
    db.update({"k%d" % n: {"n": 1} for n in range(6)})

    def write():
        try:
            db["k%d" % (n % 6)] = {"n": -n}  # noqa: B023
        except RuntimeError as error:
            assert "busy" in str(error)

    for n in range(1, 150):
        outer = db.transaction()
        outer.__enter__()
        db.transaction().__enter__()
        for key in db:
            db[key] = {"n": 0}
        left = call_at_branch(n, write)
        raises(Oops, leave, outer)
        while left[0]:
            pass
        assert content(db) == after_a_crash(path), n
        assert 0 not in [value["n"] for value in db.values()], n


def leave(block):
    """Leave a block by an exception."""
    error = Oops()
    block.__exit__(Oops, error, None)
    raise error


def test_changes_that_a_callback_takes_back_while_they_are_saved_leave_a_journal_that_opens(path):
    db = MicroTetherDB(path)
    db.update({"k%d" % i: {"text": 100 * "x", "n": 0} for i in range(40)})
    db.flush()
    values = [db["k%d" % i] for i in range(10)]

    def set_all(n):
        for value in values:
            value["n"] = n

    def callback(*args):
        set_all(0)  # after it was seen that there is something to save
        return real(*args)

    with replaced("_write_batch", callback) as real, db.transaction():
        assert all(db["k%d" % i]["n"] == 0 for i in range(10))
        set_all(1)
    db["next"] = 1
    assert content(db) == after_a_crash(path)
    assert db["k1"]["n"] == 0 and db["next"] == 1
