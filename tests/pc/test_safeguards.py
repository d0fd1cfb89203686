"""Safeguards against what can't be brought about from outside: two faults, or a race, at once."""

import asyncio
import contextlib
import gc
import inspect
import os
import sys
import threading
from types import SimpleNamespace
from zlib import crc32

import pytest

from MicroTetherDB import MicroTetherDB, _Guard
from support import Oops, Small, after_a_crash, copied, module_with, read, write

module = sys.modules["MicroTetherDB"]


def fail_once(monkeypatch, owner, name, error):
    """Let a function raise an error instead of being called, the first time."""
    function = getattr(owner, name)

    def failing(*args):
        monkeypatch.setattr(owner, name, function)
        raise error

    monkeypatch.setattr(owner, name, failing)


@contextlib.contextmanager
def at_line(code, number, function, *args):
    """Call a function once, before the line of that number, of all that a code object runs."""
    lines = []

    def trace(frame, event, arg):
        if frame.f_code is code and event == "line":
            lines.append(frame.f_lineno)
            if len(lines) == number:
                function(*args)
        return trace

    tracer = sys.gettrace()  # that of coverage, if it runs
    sys.settrace(trace)
    try:
        yield lines
    finally:
        sys.settrace(tracer)


def test_without_flock_a_database_works_too(path):
    db = module_with(fcntl=None).MicroTetherDB(path)
    db["a"] = 1
    assert sorted(os.listdir()) == ["my.db", "my.db.tip"]
    db.close()


def test_a_second_copy_of_the_module_is_refused_as_a_second_program_is(path):
    with MicroTetherDB(path), pytest.raises(OSError, match=str(os.getpid())):
        module_with().MicroTetherDB(path)


def test_a_lock_file_that_was_removed_meanwhile_is_made_anew(path, monkeypatch):
    flock = module.flock

    def late(*args):
        os.unlink(path + ".lock")
        monkeypatch.setattr(module, "flock", flock)
        flock(*args)

    monkeypatch.setattr(module, "flock", late)
    with MicroTetherDB(path) as db:
        db["a"] = 1
        with pytest.raises(OSError, match="open in process"):
            module_with().MicroTetherDB(path)


def test_a_lock_that_fails_is_told_and_leaves_no_claim(path, monkeypatch):
    fail_once(monkeypatch, module, "flock", OSError(5, "broken"))
    with pytest.raises(OSError, match="broken"):
        MicroTetherDB(path)
    MicroTetherDB(path).close()


def is_refused(path):
    """Whether the database at path is open: then another program is refused."""
    try:
        module_with().MicroTetherDB(path).close()
    except OSError:
        return True
    return False


def strike():
    raise KeyboardInterrupt


def test_ctrl_c_in_a_take_over_leaves_one_that_is_open_and_others_refused(path):
    take_over = MicroTetherDB._take_over.__code__
    ends = set()
    for number in range(1, 30):
        older = MicroTetherDB(path)
        older["n"] = number
        with at_line(take_over, number, strike) as lines:
            try:
                MicroTetherDB(path)
            except KeyboardInterrupt:
                pass
        try:
            older["older"] = number
            ends.add("older")
            assert is_refused(path), number
        except ValueError:
            ends.add("newer")
        db = MicroTetherDB(path)
        assert db["n"] == after_a_crash(path)["n"] == number
        assert is_refused(path), number
        db.close()
        assert not os.path.exists(path + ".lock"), number
    assert ends == {"older", "newer"}
    assert len(lines) < number  # it was tried at each line


def test_ctrl_c_as_a_database_is_opened_or_closed_locks_out_nobody_for_ever(path, monkeypatch):
    places = [(module, name) for name in ("_open_lock", "flock", "_claim", "_drop_claims")]
    places += [(module.os, name) for name in ("unlink", "write", "access")]
    places += [(MicroTetherDB, name) for name in ("_retire", "_take_over", "_read_all")]
    MicroTetherDB(path).close()

    for owner, name in places:
        fail_once(monkeypatch, owner, name, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            MicroTetherDB(path).close()
        db = MicroTetherDB(path)
        assert is_refused(path), name
        db.close()
        assert not os.path.exists(path + ".lock"), name


def test_after_ctrl_c_in_close_a_second_close_lets_others_in(path, monkeypatch):
    db = MicroTetherDB(path)
    fail_once(monkeypatch, module, "_drop_claims", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        db.close()
    db.close()
    assert not is_refused(path)
    assert not os.path.exists(path + ".lock")


def test_ctrl_c_at_the_end_of_a_backup_hinders_no_other_one(path, monkeypatch):
    db = MicroTetherDB(path)
    for go_on in (lambda: db.backup("backup.db"), lambda: db.update(n=1), db.close):
        fail_once(monkeypatch, module, "_drop_claims", KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            db.backup("backup.db")
        go_on()
        assert not is_refused("backup.db")


def test_a_take_over_that_fails_leaves_the_older_one_its_claim(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    good = read(path)
    write(path, b"{}" + good)
    with pytest.raises(ValueError, match="damaged"):
        MicroTetherDB(path)
    write(path, good)
    db["b"] = 2
    assert is_refused(path)
    assert MicroTetherDB(path) == {"a": 1, "b": 2}


def test_ctrl_c_as_a_block_begins_to_end_rolls_it_back(path, monkeypatch):
    db = MicroTetherDB(path)
    db["a"] = 1
    with pytest.raises(KeyboardInterrupt), db.transaction():
        db["a"] = 5
        fail_once(monkeypatch, module._Block, "__exit__", KeyboardInterrupt())
    db["b"] = 2
    assert db == after_a_crash(path) == {"a": 1, "b": 2}


class StruckGenerator:
    """A block's generator, with Ctrl-C just after it is gone on with to enter the block, or just
    before that to end it."""

    gi_running = False

    def __init__(self, generator, strikes_at_entry):
        self.generator = generator
        self.strikes = strikes_at_entry

    def __next__(self):
        if not self.generator.gi_suspended:
            next(self.generator)
            if not self.strikes:
                return
        raise KeyboardInterrupt

    def throw(self, error):
        raise KeyboardInterrupt

    def close(self):
        self.generator.close()


def test_ctrl_c_just_outside_of_a_blocks_generator_rolls_it_back_at_once(path):
    db = MicroTetherDB(path)
    expected = {"a": 1}
    db["a"] = 1
    kinds = {
        "transaction": db.transaction,
        "lock": db.lock,
        "operation": lambda: _Guard(db),
    }
    for kind, new_guard in kinds.items():
        for place in ("entered", "left", "raised"):
            guard = new_guard()
            guard.generator = StruckGenerator(guard.generator, place == "entered")
            try:
                with guard:
                    guard.block.put("a", 2, None)
                    if place == "raised":
                        raise Oops
                raise AssertionError
            except KeyboardInterrupt:  # while it is alive, and holds the block
                db[kind + place] = 3
                other = threading.Thread(target=db.update, args=({"b": place},), daemon=True)
                other.start()
                other.join(20)
            expected.update({kind + place: 3, "b": place})
            assert db == after_a_crash(path) == expected


class StruckAtEntry:
    """In this block, Ctrl-C strikes as the module enters a function, at the call of that number.
    Generators don't count: CPython crashes if a trace function raises where throw() enters one."""

    def __init__(self, number):
        self.left = number

    def __enter__(self):
        self.was = sys.gettrace()
        sys.settrace(self.trace)

    def __exit__(self, *_):
        sys.settrace(self.was)

    def trace(self, frame, event, _):
        code = frame.f_code
        is_generator = code.co_flags & inspect.CO_GENERATOR
        if event == "call" and code.co_filename == module.__file__ and not is_generator:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt


def test_ctrl_c_as_a_function_is_entered_leaves_no_block_open(path):
    db = MicroTetherDB(path)

    def block(kind):
        with kind():
            db["a"] = db.get("a", 0) + 1

    def fail():
        with contextlib.suppress(Oops), db.transaction():
            db["a"] = [1]
            raise Oops

    for work in (
        lambda: db.update(a=1),
        lambda: db.pop("a", None),
        lambda: block(db.transaction),
        lambda: block(db.lock),
        fail,
    ):
        struck = True
        number = 0
        while struck:
            number += 1
            try:
                with StruckAtEntry(number):
                    work()
                struck = False
            except KeyboardInterrupt:  # while it is alive
                db["next"] = number
                other = threading.Thread(target=db.update, args=({"other": number},), daemon=True)
                other.start()
                other.join(20)
            assert not struck or db["next"] == db["other"] == number
            assert db == after_a_crash(path)
        assert number > 10


def test_an_exit_stack_ends_blocks_as_with_does(path):
    db = MicroTetherDB(path)
    for raised in (None, Oops()):
        with contextlib.suppress(Oops), contextlib.ExitStack() as stack:
            stack.enter_context(db.transaction())
            db["a"] = repr(raised)
            if raised:
                raise raised
        assert db == after_a_crash(path) == {"a": "None"}


def test_a_child_process_disowns_what_it_has_inherited(path):
    other = module_with()
    db = other.MicroTetherDB(path)
    other._disown()
    with pytest.raises(ValueError, match="parent"):
        db["a"] = 1


def test_a_backup_that_cannot_be_put_in_place_leaves_nothing(path, monkeypatch):
    db = MicroTetherDB(path)
    db["a"] = 1
    fail_once(monkeypatch, module, "_rename", OSError(5, "broken"))
    with pytest.raises(OSError, match="broken"):
        db.backup("backup.db")
    assert not [name for name in os.listdir() if name.startswith("backup")]


def test_a_block_that_two_threads_enter_at_once_is_told(path, monkeypatch):
    db = MicroTetherDB(path)
    block = module._Block(db, True, False)
    lock = module._lock

    def acquire():
        lock.acquire()
        block.keeper = block  # another thread was faster

    late = SimpleNamespace(acquire=acquire, release=lock.release)
    monkeypatch.setattr(module, "_lock", late)
    with pytest.raises(RuntimeError, match="once"):
        block.__enter__()
    monkeypatch.undo()
    db["a"] = 1
    assert after_a_crash(path) == {"a": 1}


def test_a_value_read_while_another_thread_is_in_a_block_is_not_that_blocks(path, monkeypatch):
    db = MicroTetherDB(path)
    db["a"] = [1]
    monkeypatch.setattr(module, "_innermost", SimpleNamespace())
    monkeypatch.setattr(module, "_owner", -1)
    assert db["a"] == [1]
    monkeypatch.undo()
    db.close()


def test_ctrl_c_between_two_lines_of_a_fold_leaves_no_journal_that_nobody_knows(path, monkeypatch):
    for name in ("seal", "journal", "failed", "must_fold"):
        with MicroTetherDB(path) as db:
            db.clear()
            db["a"] = 1
            db.flush()
            db["b"] = 2
            db._store.must_fold = True
            rename = module._rename

            def rename_and_strike(old, new, name=name, db=db, rename=rename):
                rename(old, new)
                monkeypatch.undo()
                db._store.__class__ = Struck
                Struck.strikes = name

            monkeypatch.setattr(module, "_rename", rename_and_strike)
            with pytest.raises(KeyboardInterrupt):
                db["c"] = 3
            with MicroTetherDB(copied(path)) as found:
                assert dict(db) == dict(found), name
            db["d"] = 4
            assert after_a_crash(path)["d"] == 4


class Struck(module._Store):
    """A store in which Ctrl-C comes just before an attribute is set."""

    strikes = None

    def __setattr__(self, name, value):
        if name == self.strikes:
            self.__class__ = module._Store
            raise KeyboardInterrupt
        super().__setattr__(name, value)


def test_a_failed_batch_whose_file_is_removed_is_gone_from_the_disk_too(path, monkeypatch):
    """Or the folder, if the power is cut, may have it still."""
    db = MicroTetherDB(path)
    synced = []
    sync_folder = module._sync_folder

    def fail(path):
        monkeypatch.setattr(module, "_sync_folder", look)
        raise OSError(5, "broken")

    def look(path):
        synced.append(sorted(os.listdir()))
        sync_folder(path)

    monkeypatch.setattr(module, "_sync_folder", fail)
    with pytest.raises(OSError, match="broken"):
        db["a"] = 1
    assert synced == [["my.db", "my.db.lock"]]


def test_a_fold_that_took_effect_does_not_fail_if_the_old_journal_stays(path, monkeypatch):
    db = MicroTetherDB(path)
    db["a"] = 1
    db._store.must_fold = True  # as after a spill that was torn
    fail_once(monkeypatch, module.os, "remove", OSError(5, "broken"))
    db["a"] = 2
    assert sorted(os.listdir()) == ["my.db", "my.db.lock", "my.db.tip"]
    assert after_a_crash(path) == {"a": 2}
    db["a"] = 3
    assert not os.path.exists(path + ".tip")
    assert after_a_crash(path) == {"a": 3}
    db["a"] = 4
    assert os.path.exists(path + ".tip")


def test_a_value_that_was_rolled_back_is_one_for_all_threads(path):
    db = MicroTetherDB(path)
    db["a"] = [0]
    with pytest.raises(Oops), db.transaction():
        db["a"].append(-1)
        raise Oops

    def append():
        with db.transaction():
            db["a"].append(1)

    value = db["a"]
    assert value == [0]
    thread = threading.Thread(target=append)
    thread.start()
    thread.join()
    assert db["a"] is value == [0, 1]
    assert after_a_crash(path) == {"a": [0, 1]}


def test_a_failure_within_a_block_does_not_save_the_block(path):
    db = MicroTetherDB(path)
    db.update(a=0, b={"x": 0})
    db._store.must_fold = True  # as after a spill that was torn
    with pytest.raises(Oops), db.transaction():
        db["a"] = 1
        with pytest.raises(TypeError), db.transaction():
            db["b"]["x"] = {1, 2}
        assert after_a_crash(path)["a"] == 0
        raise Oops
    assert db["a"] == after_a_crash(path)["a"] == 0


def test_a_change_of_a_callback_while_a_value_is_copied_for_a_block_is_saved_or_undone(path):
    def put():
        db["a"] = {"x": 2}

    def change():
        db["a"]["x"] = 2

    lend = module._Block.lend.__code__
    for callback in (put, change):
        for fails in (False, True):
            for number in range(1, 20):
                db = MicroTetherDB(path)
                db["a"] = {"x": 1}
                try:
                    with db.transaction(), at_line(lend, number, callback) as lines:
                        assert db["a"] in ({"x": 1}, {"x": 2})
                        if fails:
                            raise Oops
                except Oops:
                    pass
                expected = {"x": 1 if fails or len(lines) < number else 2}
                assert db["a"] == after_a_crash(path)["a"] == expected, (callback, number)
            assert len(lines) < number  # it was tried at each line


def test_a_read_of_a_callback_while_a_database_closes_hides_no_change(path, monkeypatch):
    db = MicroTetherDB(path)
    db.update(a={"x": 1}, b={"x": 1})
    db.flush()
    db["a"]["x"] = 2
    read_again = module._Store.read_again

    def callback(store, keys):
        monkeypatch.undo()
        assert db["b"] == {"x": 1}
        return read_again(store, keys)

    monkeypatch.setattr(module._Store, "read_again", callback)
    db.close()
    assert after_a_crash(path) == {"a": {"x": 2}, "b": {"x": 1}}


def test_close_parses_only_the_lines_around_what_was_handed_out(path, monkeypatch):
    db = MicroTetherDB(path)
    db.update({"k%d" % i: {"v": i} for i in range(1000)})
    db.flush()
    assert db["k7"] == {"v": 7}
    loads = module.json.loads
    parsed = []
    monkeypatch.setattr(module.json, "loads", lambda text: parsed.append(text) or loads(text))
    db.close()
    assert sum(map(len, parsed)) < 2000 < os.path.getsize(path)


def test_a_lock_file_that_cannot_be_removed_locks_nobody_out(path, monkeypatch):
    db = MicroTetherDB(path)
    db["a"] = 1
    db.flush()
    fail_once(monkeypatch, module.os, "unlink", PermissionError(13, "not yours"))
    db.close()
    assert MicroTetherDB(path)["a"] == 1


def test_a_lock_file_of_another_user_locks_nobody_out(path, monkeypatch):
    MicroTetherDB(path).close()
    fail_once(monkeypatch, module.os, "open", PermissionError(13, "not yours"))
    with MicroTetherDB(path) as db:
        db["a"] = 1
    assert after_a_crash(path) == {"a": 1}


def test_ctrl_c_as_a_rollback_puts_keys_in_order_loses_none(path):
    db = MicroTetherDB(path)
    db.update({f"k{i}": i for i in range(50)})

    roll_back = module._Block.roll_back.__code__
    for number in range(1, 20):
        with (
            pytest.raises((KeyboardInterrupt, Oops)),
            at_line(roll_back, number, strike),
            db.transaction(),
        ):
            del db["k0"]
            raise Oops
        assert list(db) == [f"k{i}" for i in range(50)], number


def test_opening_begins_again_where_the_memory_is_in_pieces(path, monkeypatch):
    MicroTetherDB(path).update(a=1, b=[2])
    fail_once(monkeypatch, MicroTetherDB, "_read_all", MemoryError())
    assert MicroTetherDB(path) == {"a": 1, "b": [2]}


def test_a_callback_may_read_while_it_is_noted_what_was_handed_out(path):
    """With so many noted that one more fills the list, and with the list full: it is given up."""
    MicroTetherDB(path).update({f"k{i}": {} for i in range(40)})

    def change(db, key, number):
        db[key]["x"] = number

    note_lent = MicroTetherDB._note_lent.__code__
    for many in (module._MAX_LENT - 1, module._MAX_LENT):
        for number in range(1, 15):
            db = MicroTetherDB(path)
            for i in range(many):
                db[f"k{i}"]
            with at_line(note_lent, number, change, db, "k38", number) as lines:
                value = db["k39"]
            if number % 2 or len(lines) < number:  # else the other one has to be known for changed
                value["x"] = number
            db.close()
            stored = after_a_crash(path)
            assert stored["k39"] == value, (many, number)
            assert stored["k38"] == {"x": number} or len(lines) < number, (many, number)
        assert len(lines) < number  # it was tried at each line


def test_a_callback_that_writes_while_it_is_asked_whose_block_it_is_changes_no_answer(path):
    """While another thread ends its block, as the callback waits for that."""
    db = MicroTetherDB(path)

    def other():
        with db.lock():
            entered.set()
            go_on.wait(20)

    def callback():
        go_on.set()
        db["c"] = 1

    own_block = module._own_block.__code__
    for number in (1, 2):  # of the first time: after that, the lock is waited for
        entered, go_on = threading.Event(), threading.Event()
        thread = threading.Thread(target=other)
        thread.start()
        entered.wait(20)
        with at_line(own_block, number, callback):
            db["b"] = number
        thread.join()
        assert after_a_crash(path) == {"b": number, "c": 1}


def test_a_record_that_lacks_its_newline_in_the_log_is_not_taken_for_one_that_is_whole(path):
    """The tip is damaged, and of the log, where the same is, the last byte is missing."""
    with MicroTetherDB(path) as db:
        db["z"] = 1
    seal = read(path)[-33:-1].replace(b" ", b"0").replace(b"\t", b"1")

    def record(text):
        chain[0] = crc32(text + b" ", chain[0])
        return text + b" %08x\n" % chain[0]

    for length in range(400):  # for what is read before: it ends somewhere in a piece
        chain = [int(seal, 2)]
        log = b"".join(record(b'["p",%d]' % i) for i in range(30))
        log += record(b'["p","%s"]' % (b"x" * length)) + record(b'["a",1]')
        broken = record(b'["b",1]').replace(b'"b"', b'"?"')
        last = record(b'["c",1]')
        write(path + ".log", log + broken + last[:-1])
        write(path + ".tip", broken + last)
        with pytest.raises(ValueError, match="damaged"):
            MicroTetherDB(path)


def test_a_write_that_ends_in_a_forked_child_frees_no_lock(path, monkeypatch):
    """What the hook does in a child, here without a fork: tests/pc/test_programs.py forks."""
    db = MicroTetherDB(path)
    fsync = module._fsync

    def fork(file):
        fsync(file)
        module._disown()

    monkeypatch.setattr(module, "_fsync", fork)
    db["a"] = 1
    monkeypatch.setattr(module, "_fsync", fsync)
    with pytest.raises(ValueError, match="parent process"):
        db["b"] = 2
    assert MicroTetherDB(path) == {"a": 1}


def test_a_block_that_an_abandoned_task_is_in_ends_with_the_task(path):
    db = MicroTetherDB(path)
    db["a"] = 1

    async def abandoned():
        with db.transaction():
            db["a"] = 2
            await asyncio.Event().wait()

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)  # "Task was destroyed"
    loop.create_task(abandoned())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    del loop
    gc.collect()
    db["b"] = 3
    assert after_a_crash(path) == {"a": 1, "b": 3}


def test_where_a_failed_batch_cannot_be_undone_the_next_write_folds(path, monkeypatch):
    """Or that would go to the tip, and continue what is no longer the end of the log."""

    def fails(*_):
        raise OSError(5, "the disk fails")

    def fail(_):
        monkeypatch.setattr(module, "_sync", sync)
        monkeypatch.setattr(module, "_size", fails)  # as it is undone
        fails()

    db = Small(path)
    db["z"] = "z" * 1000
    db.flush()
    db["a"] = "x" * 100  # more than the tip takes, so the log has it
    sync = module._sync
    monkeypatch.setattr(module, "_sync", fail)
    with pytest.raises(OSError, match="the disk fails"):
        db["a"] = "y" * 100
    assert db["a"] == "x" * 100
    db["a"] = 3
    monkeypatch.undo()
    assert after_a_crash(path)["a"] == 3


def test_a_callbacks_write_while_an_open_inner_block_is_rolled_back_is_kept_or_refused(path):
    """Ctrl-C has kept the inner one from ending, so the outer one rolls it back as it ends."""

    def callback():
        try:
            db["a"] = number
        except RuntimeError:  # busy
            told.append("refused")
        else:
            told.append("kept")

    roll_back = module._Block.roll_back.__code__
    # From its third line on: what is written before that becomes part of the inner block.
    for number in range(3, 30):
        db = MicroTetherDB(path)
        db.clear()
        db.update(a=1, b=2)
        told = []
        inner = db.transaction()
        with pytest.raises(Oops), at_line(roll_back, number, callback) as lines, db.lock():
            inner.__enter__()
            db.update(c=3, d=4)
            raise Oops
        assert db == after_a_crash(path) == {"a": number if "kept" in told else 1, "b": 2}, number
    assert len(lines) < number  # it was tried at each line
