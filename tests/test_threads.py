import time

from MicroTetherDB import MicroTetherDB
from support import Oops, after_a_crash, content, threaded

try:
    import _thread
except ImportError:
    pass


class Thread:
    """Runs a function in a thread of its own; join() returns its result or raises its error."""

    def __init__(self, function, *args):
        self.done = False
        self.error = None
        _thread.start_new_thread(self.run, (function, args))

    def run(self, function, args):
        try:
            self.result = function(*args)
        except BaseException as error:
            self.error = error
        self.done = True

    def join(self):
        for _ in range(3000):
            if self.done:
                break
            time.sleep(0.01)
        assert self.done, "the thread hangs"
        if self.error:
            raise self.error
        return self.result


@threaded
def test_what_another_thread_does_waits_for_the_end_of_a_block(path):
    db = MicroTetherDB(path)
    db["a"] = [0]
    uses = [
        lambda: db["a"],
        lambda: db.get("a"),
        lambda: len(db) and db["a"],
        lambda: [db[key] for key in db][0],
        lambda: list(db.values())[0],
        lambda: dict(db.items())["a"],
        lambda: "a" in db and db["a"],
        lambda: db.setdefault("a", 7),
        lambda: db.pop("a"),
    ]
    for n, use in enumerate(uses):
        for block in (db.transaction, db.lock):
            with block():
                db["a"] = ["half"]
                thread = Thread(use)
                time.sleep(0.01)
                assert not thread.done
                db["a"] = [n]
            assert thread.join() == [n], n


@threaded
def test_another_thread_sees_nothing_of_a_transaction_that_raises(path):
    db = MicroTetherDB(path)
    db["a"] = {"n": 0}
    try:
        with db.transaction():
            db["a"]["n"] = 1
            db["b"] = 1
            thread = Thread(content, db)
            time.sleep(0.02)
            raise Oops
    except Oops:
        pass
    assert thread.join() == {"a": {"n": 0}}


@threaded
def test_a_block_waits_for_the_block_of_another_thread(path):
    db = MicroTetherDB(path)
    order = []

    def other():
        with db.transaction():
            order.append("other")
            db["a"] = "other"

    with db.lock():
        thread = Thread(other)
        time.sleep(0.02)
        order.append("mine")
        db["a"] = "mine"
    thread.join()
    assert order == ["mine", "other"]
    assert db["a"] == "other"


@threaded
def test_increments_under_lock_add_up(path):
    db = MicroTetherDB(path)
    db["n"] = 0

    def count():
        for _ in range(50):
            with db.lock():
                db["n"] += 1

    for thread in [Thread(count) for _ in range(4)]:
        thread.join()
    assert db["n"] == 200
    assert after_a_crash(path) == {"n": 200}


@threaded
def test_an_error_in_one_thread_leaves_the_lock_free_for_the_others(path):
    db = MicroTetherDB(path)

    def fail():
        for _ in range(3):
            try:
                with db.transaction(), db.lock():
                    db["a"] = 1
                    raise Oops
            except Oops:
                pass
            try:
                db["a"] = object()
            except TypeError:
                pass

    Thread(fail).join()
    db["b"] = 1
    assert Thread(content, db).join() == {"b": 1}


def in_a_slow_block(db):
    """Return a thread that is in a block of db, and stays there for a while."""

    inside = []

    def write():
        with db.transaction():
            inside.append(True)
            db["a"] = 1
            time.sleep(0.05)
            db["b"] = 2

    thread = Thread(write)
    while not inside:
        time.sleep(0.001)
    return thread


@threaded
def test_closing_waits_for_the_block_of_another_thread(path):
    db = MicroTetherDB(path)
    thread = in_a_slow_block(db)
    db.close()
    thread.join()
    with MicroTetherDB(path) as db:
        assert content(db) == {"a": 1, "b": 2}


@threaded
def test_taking_over_waits_for_the_block_of_another_thread(path):
    db = MicroTetherDB(path)
    thread = in_a_slow_block(db)
    db = MicroTetherDB(path)
    thread.join()
    assert content(db) == {"a": 1, "b": 2}


@threaded
def test_two_databases_on_two_threads_harm_neither_each_other_nor_the_disk(path):
    def work(name):
        with MicroTetherDB(path + name) as db:
            for i in range(60):
                db["k%d" % (i % 7)] = [i, "x" * (i % 50)]
            return content(db)

    threads = [Thread(work, name) for name in ("one", "two")]
    expected = [thread.join() for thread in threads]
    for name, data in zip(("one", "two"), expected):  # noqa: B905
        with MicroTetherDB(path + name) as db:
            assert content(db) == data


@threaded
def test_opening_one_path_from_two_threads_leaves_one_that_writes(path):
    def open_and_write(me):
        written = {}
        for i in range(12):
            db = MicroTetherDB(path)
            try:
                db["%d-%d" % (me, i)] = i
                written["%d-%d" % (me, i)] = i
            except ValueError as error:
                assert "opened again" in str(error)
        return written

    threads = [Thread(open_and_write, me) for me in range(2)]
    expected = {}
    for thread in threads:
        expected.update(thread.join())
    assert content(MicroTetherDB(path)) == after_a_crash(path) == expected


@threaded
def test_closing_from_two_threads_closes(path):
    for i in range(10):
        db = MicroTetherDB(path)
        db["a"] = i
        for thread in [Thread(db.close) for _ in range(3)]:
            thread.join()
    with MicroTetherDB(path) as db:
        assert content(db) == {"a": 9}


@threaded
def test_a_value_that_is_read_while_another_thread_reads_one_is_saved_by_close(path):
    class Watched(MicroTetherDB):
        """Lets another thread read "b" as it is noted that "a" has been read."""

        looks = None
        noted = ()

        @property
        def _lent(self):
            noted = self.noted
            if self.looks:
                self.looks -= 1
                if not self.looks:
                    self.thread = Thread(self.get, "b")
                    time.sleep(0.05)
            return noted

        @_lent.setter
        def _lent(self, noted):
            self.noted = noted

    db = Watched(path)
    db.update(a=[], b=[])
    db.flush()
    db.looks = 2
    assert db["a"] == []
    db.thread.join().append(1)
    db.close()
    assert after_a_crash(path) == {"a": [], "b": [1]}


@threaded
def test_two_databases_that_take_over_each_others_data_do_not_wait_for_ever(path):
    one = MicroTetherDB(path)
    two = MicroTetherDB(path + "2nd")
    one["a"] = [1]
    two["b"] = [2]

    def update(target, source):
        for _ in range(20):
            target.update(source)

    for thread in [Thread(update, one, two), Thread(update, two, one)]:
        thread.join()
    assert content(one) == content(two) == {"a": [1], "b": [2]}


@threaded
def test_the_lock_of_one_database_keeps_the_others_out_too(path):
    one = MicroTetherDB(path)
    two = MicroTetherDB(path + "2nd")
    with one.lock():
        thread = Thread(two.__setitem__, "a", 1)
        time.sleep(0.02)
        assert not thread.done
    thread.join()
    assert two["a"] == 1
