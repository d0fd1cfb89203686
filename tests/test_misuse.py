"""Blocks that are misused: told, never swallowed. Afterwards memory is what is on disk, the lock
is free, and later writes are durable."""

import sys
import time

from MicroTetherDB import MicroTetherDB
from support import CPYTHON, Oops, after_a_crash, content, files, raises, threaded
from test_threads import Thread


def sound(db, path, expected):
    assert content(db) == after_a_crash(path) == expected
    db["later"] = 1
    with db.transaction():
        db["in a block"] = [2]
    expected = dict(expected, later=1)
    expected["in a block"] = [2]
    assert content(db) == after_a_crash(path) == expected


class Task:
    """A task's code up to the next await: it enters a block, and leaves it when it is told."""

    def __init__(self, block, use):
        self.block = block
        block.__enter__()
        use()

    def end(self):
        self.block.__exit__(None, None, None)


def test_blocks_that_end_out_of_order_are_rolled_back_and_told(path):
    for first in ("lock", "transaction"):
        for second in ("lock", "transaction"):
            db = MicroTetherDB(path)
            db.clear()
            db["a"] = [0]
            one = Task(getattr(db, first)(), lambda: db["a"].append(1))  # noqa: B023
            two = Task(getattr(db, second)(), lambda: db.update(b=1))  # noqa: B023
            assert "inside out" in raises(RuntimeError, one.end)
            assert "inside out" in raises(RuntimeError, two.end)
            sound(db, path, {"a": [0]})


def test_blocks_of_two_databases_that_end_out_of_order_are_rolled_back_and_told(path):
    db = MicroTetherDB(path)
    other = MicroTetherDB(path + "other")
    one = Task(db.lock(), lambda: db.update(a=1))
    two = Task(other.lock(), lambda: other.update(b=1))
    raises(RuntimeError, one.end)
    raises(RuntimeError, two.end)
    sound(db, path, {})
    sound(other, path + "other", {})


def test_an_exception_ends_the_blocks_within_too(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    for outer, expected in ((db.lock, {"a": 1, "b": 2}), (db.transaction, {"a": 1})):
        inner = db.transaction()
        try:
            with outer():
                db["b"] = 2
                inner.__enter__()
                db["a"] = 5
                raise KeyError("mine")
        except KeyError as error:
            assert error.args == ("mine",)
        raises(RuntimeError, inner.__exit__, None, None, None)
        sound(db, path, expected)
        db.clear()
        db["a"] = 1


def test_a_generator_left_inside_a_block(path):
    db = MicroTetherDB(path)
    db["a"] = 1

    def left():
        with db.lock():
            db["b"] = 1
            yield 1

    generator = left()
    next(generator)
    with db.transaction():
        db["c"] = 1
    try:
        generator.close()
    except RuntimeError:
        pass
    assert content(db) == after_a_crash(path)
    sound(db, path, content(db))


def test_a_lock_whose_generator_is_closed_in_it_keeps_what_was_done(path):
    db = MicroTetherDB(path)

    def left(block):
        with block:
            db["b"] = 1
            yield 1

    for make, expected in ((db.lock, {"b": 1, "c": 1}), (db.transaction, {})):
        generator = left(make())
        next(generator)
        db["c"] = 1
        generator.close()
        sound(db, path, expected)
        db.clear()


def test_a_block_can_be_entered_once(path):
    db = MicroTetherDB(path)
    for make in (db.lock, db.transaction):
        block = make()
        with block:
            db["a"] = 1
            assert "once" in raises(RuntimeError, block.__enter__)
            db["b"] = 2
        assert "once" in raises(RuntimeError, block.__enter__)
        sound(db, path, content(db))
        db.clear()


def test_a_block_that_has_ended_cannot_end_again(path):
    db = MicroTetherDB(path)
    block = db.lock()
    block.__enter__()
    db["a"] = 1
    block.__exit__(None, None, None)
    try:
        block.__exit__(None, None, None)
    except RuntimeError:
        pass
    sound(db, path, {"a": 1})


@threaded
def test_a_block_shared_by_two_threads_is_told(path):
    db = MicroTetherDB(path)
    block = db.lock()
    block.__enter__()
    db["a"] = 1

    def steal(function, *args):
        try:
            function(*args)
        except RuntimeError as error:
            return str(error)

    assert Thread(steal, block.__enter__).join()
    assert Thread(steal, block.__exit__, None, None, None).join()
    db["b"] = 2
    block.__exit__(None, None, None)
    sound(db, path, {"a": 1, "b": 2})


@threaded
def test_a_block_used_by_another_thread_while_one_waits_for_it_is_told(path):
    db = MicroTetherDB(path)
    block = db.lock()
    entered = []
    told = []

    def use(key):
        try:
            with block:
                db[key] = 1
        except RuntimeError as error:
            told.append(str(error))

    def work():
        with db.lock():
            entered.append(1)
            time.sleep(0.1)  # the other thread waits now, to enter the block
            use("a")

    thread = Thread(work)
    while not entered:
        time.sleep(0.001)
    use("b")
    thread.join()
    assert len(told) == 1 and "once" in told[0]
    assert len(content(db)) == 1
    sound(db, path, content(db))


def asyncio_of_this_runtime():
    try:
        import asyncio
    except ImportError:
        try:
            import uasyncio as asyncio
        except ImportError:
            return None
    return asyncio


def test_what_was_rolled_back_can_be_read_by_any_task_of_the_thread(path):
    asyncio = asyncio_of_this_runtime()
    if asyncio is None:
        return

    async def read():
        return db["a"]

    db = MicroTetherDB(path)
    db["a"] = {"n": 1}
    try:
        with db.transaction():
            db["a"]["n"] = 2
            raise Oops
    except Oops:
        pass
    with db.lock():
        assert asyncio.run(read()) == {"n": 1}
    sound(db, path, {"a": {"n": 1}})


def test_tasks_that_await_in_blocks_lose_nothing_silently(path):
    asyncio = asyncio_of_this_runtime()
    if asyncio is None:
        return
    db = MicroTetherDB(path)
    told = []
    acknowledged = []

    async def careless(me, raises):
        for n in range(5):
            try:
                with db.transaction():
                    db["t%d" % me] = n
                    await asyncio.sleep(0)
                    if raises:
                        raise KeyError
                acknowledged.append(("t%d" % me, n))
            except (RuntimeError, KeyError) as error:
                told.append(error)
            await asyncio.sleep(0)

    async def writer():
        for n in range(30):
            try:
                db["w"] = n
                acknowledged.append(("w", n))
            except RuntimeError as error:
                assert "busy" in str(error)
                told.append(error)
            await asyncio.sleep(0)

    async def main():
        await asyncio.gather(careless(1, False), careless(2, True), writer(), careless(3, False))

    asyncio.run(main())
    assert told
    disk = after_a_crash(path)
    assert content(db) == disk
    assert dict(acknowledged) == disk
    sound(db, path, disk)


def test_a_task_that_asyncio_has_left_in_a_block_is_told_and_its_block_rolled_back(path):
    asyncio = asyncio_of_this_runtime()
    if asyncio is None:
        return
    db = MicroTetherDB(path)
    db["a"] = [1]

    async def left():
        with db.transaction():
            db["a"].append(2)
            await asyncio.sleep(100)

    async def main():
        task = asyncio.create_task(left())
        await asyncio.sleep(0)
        return task

    task = asyncio.run(main())
    if not CPYTHON:  # CPython has cancelled the task
        if sys.modules[asyncio.__name__ + ".core"].cur_task:  # firmware before 1.23
            assert "another task" in raises(RuntimeError, db.clear)
            task.coro.close()
        else:
            assert "don't await" in raises(RuntimeError, db.clear)
        asyncio.new_event_loop()  # without the task
    sound(db, path, {"a": [1]})


def test_while_asyncio_is_being_imported_a_database_can_be_used(path):
    """By another thread or a callback: the module is known by then, but not all is in it."""
    name = "asyncio" if CPYTHON else "asyncio.core"
    db = MicroTetherDB(path)
    was = sys.modules.get(name)
    sys.modules[name] = time  # a module that has nothing of asyncio
    try:
        sound(db, path, {})
    finally:
        del sys.modules[name]
        if was:
            sys.modules[name] = was


@threaded
def test_while_asyncio_is_being_imported_a_block_on_another_thread_goes_on(path):
    name = "asyncio" if CPYTHON else "asyncio.core"
    db = MicroTetherDB(path)
    was = sys.modules.pop(name, None)

    def work():
        with db.lock():
            sys.modules[name] = was or time  # as an import on the main thread does
            db["a"] = 1

    try:
        Thread(work).join()
    finally:
        del sys.modules[name]
        if was:
            sys.modules[name] = was
    sound(db, path, {"a": 1})


@threaded
def test_a_block_on_another_thread_is_none_of_the_tasks_business(path):
    asyncio = asyncio_of_this_runtime()
    if asyncio is None:
        return
    db = MicroTetherDB(path)
    db["n"] = {"count": 0}
    done = []
    errors = []

    def work():
        try:
            for fails in (False, True) * 10:
                try:
                    with db.transaction():
                        time.sleep(0.002)  # the other thread goes on to its next task
                        db["n"]["count"] += 1
                        db["last"] = fails
                        if fails:
                            raise Oops
                except Oops:
                    pass
        except Exception as error:
            errors.append(error)
        done.append(1)

    async def tick():
        while not done:
            await asyncio.sleep(0)

    async def main():
        Thread(work)
        await asyncio.gather(tick(), tick(), tick())

    asyncio.run(main())
    assert not errors, errors
    assert content(db) == after_a_crash(path) == {"n": {"count": 10}, "last": False}


def test_an_update_from_what_writes_itself_is_told_so(path):
    db = MicroTetherDB(path)
    db.update(a=1, b=2)
    text = raises(RuntimeError, db.update, ((key.upper(), db.pop(key)) for key in list(db)))
    assert "update()" in text
    assert content(db) == after_a_crash(path) == {"a": 1, "b": 2}
    db.update([(key.upper(), db.pop(key)) for key in list(db)])
    assert content(db) == after_a_crash(path) == {"A": 1, "B": 2}


def test_a_lock_within_a_block_takes_nothing_of_that_with_it(path):
    def keys_of(db):
        with db.lock():
            yield from db

    db = MicroTetherDB(path)
    db["z"] = 0
    with db.transaction():
        db["a"] = 1
        keys = keys_of(db)
        for _ in keys:
            break
        keys.close()
        db["b"] = 2
    sound(db, path, {"z": 0, "a": 1, "b": 2})


def test_blocks_within_a_block_that_end_out_of_order_roll_all_of_it_back(path):
    db = MicroTetherDB(path)

    def misuse():
        with db.transaction():
            db["a"] = 1
            one = db.lock()
            one.__enter__()
            two = db.lock()
            two.__enter__()
            try:
                one.__exit__(None, None, None)
            except RuntimeError:
                pass
            db["b"] = 2  # outside of any block, now

    assert "inside out" in raises(RuntimeError, misuse)
    sound(db, path, {"b": 2})


def test_a_lock_block_that_raises_keeps_what_it_did_around_one_that_never_ended(path):
    db = MicroTetherDB(path)
    try:
        with db.lock():
            db["a"] = 1
            inner = db.lock()
            inner.__enter__()
            db["b"] = 2
            raise Oops
    except Oops:
        pass
    sound(db, path, {"a": 1, "b": 2})


def test_a_subclass_that_writes_before_it_is_opened_leaves_the_lock_free(path):
    class Hasty(MicroTetherDB):
        def __init__(self):
            self["a"] = 1  # before super().__init__(path)

    raises(AttributeError, Hasty)
    with MicroTetherDB(path) as db:
        db["b"] = 2


def test_a_subclass_that_goes_on_though_it_was_not_opened_overwrites_nothing(path):
    class Stubborn(MicroTetherDB):
        def __init__(self):
            try:
                MicroTetherDB.__init__(self, path)
            except RuntimeError as error:
                assert "busy" in str(error)

    with MicroTetherDB(path) as db:
        db["a"] = 1
    before = files(path)
    made = []

    def pairs():
        made.append(Stubborn())
        yield "b", 2

    with MicroTetherDB(path + ".other") as other:
        other.update(pairs())
    for use in (len, content, MicroTetherDB.flush, lambda db: db.update(c=3)):
        assert "was not opened" in raises(ValueError, use, made[0])
        assert files(path) == before
    made[0].close()
    assert files(path) == before
    with MicroTetherDB(path) as db:
        assert content(db) == {"a": 1}


def test_an_exception_in_a_block_that_was_ended_already_is_told_as_misuse(path):
    db = MicroTetherDB(path)
    for make in (db.lock, db.transaction):
        one = make()
        two = make()
        one.__enter__()
        two.__enter__()
        db["a"] = 1
        raises(RuntimeError, one.__exit__, None, None, None)
        assert "inside out" in raises(RuntimeError, two.__exit__, Oops, Oops(), None)
        sound(db, path, {})
        db.clear()


@threaded
def test_an_exception_on_another_thread_ends_no_block_of_this_one(path):
    db = MicroTetherDB(path)
    for make in (db.lock, db.transaction):
        block = make()
        block.__enter__()
        db["a"] = 1
        thread = Thread(block.__exit__, Oops, Oops(), None)
        assert "in its thread" in raises(RuntimeError, thread.join)
        db["b"] = 2
        block.__exit__(None, None, None)
        sound(db, path, {"a": 1, "b": 2})
        db.clear()


def test_a_write_of_another_task_than_the_one_in_a_block_is_told_busy(path):
    asyncio = asyncio_of_this_runtime()
    if asyncio is None:
        return
    db = MicroTetherDB(path)

    async def careless():
        with db.lock():
            db["a"] = 1
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            db["b"] = 2

    async def other():
        for write in (lambda: db.update(c=3), db.clear, db.lock().__enter__, db.flush):
            assert "another task" in raises(RuntimeError, write)

    async def main():
        task = asyncio.create_task(careless())
        await asyncio.sleep(0)
        await other()
        await task

    asyncio.run(main())
    sound(db, path, {"a": 1, "b": 2})
