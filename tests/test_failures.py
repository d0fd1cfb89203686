"""The disk fails for a moment, or Ctrl-C comes at a bad time: nothing is lost, work goes on."""

import gc
import os
import sys

import support
from MicroTetherDB import MicroTetherDB
from support import (
    Oops,
    Small,
    after_a_crash,
    changed_card,
    content,
    files,
    found,
    lay,
    no_writes,
    only,
    raises,
    remove,
    replaced,
    restart,
    write,
)


class OfAPage(MicroTetherDB):
    """A database whose tip is longer than a page of 512 bytes."""

    TIP_SIZE = 700


def at_renames(path, work):
    """Call work(). Return the files of the database before and after each rename in it."""
    seen = []

    def look(old, new):
        seen.append(files(path))
        rename(old, new)
        seen.append(files(path))

    with replaced("_rename", look) as rename:
        work()
    return seen


def steps(db):
    return [
        lambda: db.__setitem__("a", ["x" * 50]),
        lambda: db.update({"k%d" % i: {"v": i} for i in range(5)}),
        lambda: db.pop("k1"),
        lambda: change_in_place(db),
        lambda: db.__setitem__("long", "x" * 900),
        lambda: db.flush(),
        lambda: db.clear(),
    ]


def change_in_place(db):
    with db.transaction():
        db["a"].append(1)
        db["k2"]["v"] += 1


@only("littlefs fat", "it is the simulated disk that fails")
def test_a_disk_that_fails_for_a_while_changes_nothing(path):
    failed = 0
    for fail_at in range(1, 12):
        db = Small(path)
        db.clear()
        for step in steps(db):
            before = content(db)
            support.device.cut_at = support.device.operations + fail_at
            try:
                step()
                support.device.cut_at = -1
            except OSError:
                failed += 1
                assert content(db) == before
                restart(path.rsplit("/", 1)[0])
                # A disk that was dead couldn't be told to take back what it may have got.
                left = after_a_crash(path)
                step()
                assert left in (before, content(db))
            assert after_a_crash(path) == content(db)
        db.close()
    assert failed > 10, failed


def fail_to_sync(file):
    raise OSError(5)


def fail_at(numbers):
    """Let some operations of the simulated disk fail: those with these numbers. The next is 0."""
    device = support.device
    start = device.operations + 1

    def cut():
        device.operations += 1
        return device.dead or device.operations - start in numbers

    device._cut = cut


def after_failures(path, numbers, value, work):
    """Let those operations of a write fail, let work(db) follow, then cut the power. Return what
    work() has returned, and what is found."""
    db = Small(path)
    db.clear()
    db["a"] = 1
    db.flush()
    before = content(db)
    fail_at(numbers)
    try:
        db["b"] = value
    except OSError:
        assert content(db) == before
    fail_at(())
    expected = work(db)
    gc.collect()  # what is still open writes what it has to write
    restart(path.rsplit("/", 1)[0])
    return expected, content(Small(path))


@only("littlefs fat", "it is the simulated disk that fails")
def test_what_is_written_after_failures_in_a_row_is_kept(path):
    # On FAT a file stays open if its disk fails again as it is closed. When it was collected, it
    # wrote its length to a directory entry that was another file's by then.
    def write(db):
        db["c"] = 2
        return content(db)

    for first in range(8):
        for count in range(1, 9):
            for value in ("in the tip", "x" * 120):  # the latter folds
                expected, now = after_failures(path, range(first, first + count), value, write)
                assert now == expected


@only("littlefs fat", "it is the simulated disk that fails")
def test_what_was_refused_is_gone_once_close_has_worked(path):
    # On FAT a removal that failed looked as if it had worked.
    def close(db):
        expected = content(db)
        db.close()
        return expected

    for first in range(8):
        for second in range(first, 8):
            expected, now = after_failures(path, (first, second), 1, close)
            assert now == expected


@only("littlefs fat", "it is the simulated disk that fails")
def test_what_was_refused_does_not_come_back_as_another_file_is_written(path):
    # littlefs keeps what it could not program, and tried again as it wrote another file.
    folder = path.rsplit("/", 1)[0] + "/other"
    os.mkdir(folder)
    text = "hello" * 400

    def append(db):
        with open(folder + "/log.txt", "a") as file:
            file.write(text)
        return content(db)

    for value in ("in the tip", "in the log" * 12, "x" * 700):
        for first in range(8):
            with open(folder + "/log.txt", "w") as file:
                file.write(text)
            expected, now = after_failures(path, (first,), value, append)
            assert now == expected, (value, first)


@only("fat", "it is FAT whose folders grow by a sector")
def test_what_is_acknowledged_after_an_error_as_the_folder_grows_is_kept(path):
    # FAT then made a file in a sector that was not linked to the folder, and told nobody.
    disk = path.rsplit("/", 1)[0]
    told = 0
    for count in range(8, 13):
        for first in range(20, 60):
            changed_card(disk, empty_card())
            folder = disk + "/folder"
            os.mkdir(folder)
            for number in range(count):
                support.write(folder + "/%d" % number, b"")
            db = MicroTetherDB(folder + "/my.db")
            fail_at((first,))
            for number in range(25):
                try:
                    db["k%d" % (number % 4)] = [number, number * "v"]
                except (OSError, ValueError):  # the latter: a rename has left one file twice
                    pass
            fail_at(())
            expected = content(db)
            restart(disk)
            try:
                assert content(MicroTetherDB(folder + "/my.db")) == expected, (count, first)
            except ValueError as error:
                assert "one file on this disk" in str(error), (count, first, error)
                told += 1
    assert told < 20, told


@only("fat", "behind the end of a file, only FAT shows what was on the card before")
def test_a_spill_that_fails_half_way_shows_nothing_of_an_older_journal(path):
    disk = path.rsplit("/", 1)[0]
    for first in range(4):
        changed_card(disk, empty_card())
        db = MicroTetherDB(path)
        db.update({"k%02d" % i: "y" * 30 for i in range(60)})
        for i in range(100):
            db["k%02d" % (i % 20)] = "%d" % i + "x" * 20
        db.flush()
        for i in range(20):  # the log lies where the older one was
            db["k%02d" % i] = "n%d" % i + "x" * 20
        fail_at((first,))
        raises(OSError, db.__setitem__, "big", "b" * 300)  # it would spill
        fail_at(())
        db["small"] = 1
        expected = content(db)
        restart(disk)
        assert content(MicroTetherDB(path)) == expected


def block_folds(path):
    """Put a folder where a fold makes its temporary file."""
    os.mkdir(path + ".tmp")
    support.write(path + ".tmp/file", b"")


def allow_folds(path):
    os.remove(path + ".tmp/file")
    os.rmdir(path + ".tmp")


def test_what_is_in_the_way_of_a_fold_is_named_and_changes_nothing(path):
    db = MicroTetherDB(path)
    db["long"] = "x" * 600
    db["a"] = [1]
    block_folds(path)
    db["a"].append(2)
    for save in (db.flush, db.close, db.flush):
        assert path in raises(OSError, save)
        assert content(db) == {"long": "x" * 600, "a": [1, 2]}
    allow_folds(path)
    db.flush()
    assert after_a_crash(path) == content(db)


def test_a_fold_of_its_own_accord_that_fails_does_not_fail_the_write(path):
    db = Small(path)
    db["long"] = "x" * 600
    db.flush()
    block_folds(path)
    size = 0
    for i in range(200):  # enough for several folds
        db["a"] = i
        size = max(size, os.stat(path + ".log")[6] if i > 9 else 0)
    assert size > 3000
    allow_folds(path)
    assert after_a_crash(path)["a"] == 199
    for i in range(400):
        db["a"] = i
    assert os.stat(path)[6] + len(files(path).get(".log", b"")) < 9000
    assert after_a_crash(path)["a"] == 399
    db.close()
    assert list(files(path)) == [""]


def test_a_fold_of_its_own_accord_whose_rename_failed_half_way_loses_nothing(path):
    failed = []

    def fail_once(old, new):
        if new == path and not failed:
            failed.append(new)
            os.remove(new)  # as FAT does first
            raise OSError(5)
        rename(old, new)

    db = Small(path)
    db["long"] = "x" * 300
    db.flush()
    with replaced("_rename", fail_once) as rename:
        while not failed:
            try:
                db["a"] = db.get("a", 0) + 1
            except OSError:
                pass
            assert content(db) == after_a_crash(path)


def test_what_a_flush_has_left_only_in_the_temporary_file_is_kept_by_close(path):
    def fail(old, new):
        raise OSError(5)

    db = MicroTetherDB(path)
    db["a"] = 1
    db.flush()
    os.remove(path)
    with replaced("_rename", fail):
        raises(OSError, db.flush)
    db.close()
    assert found(path, files(path)) == {"a": 1}


def test_a_file_that_became_a_folder_is_not_replaced(path):
    db = MicroTetherDB(path)
    db["a"] = [1]
    data = files(path)[""]
    os.remove(path)
    os.mkdir(path)
    db["a"].append(2)
    assert path in raises(OSError, db.flush)
    assert path in raises(OSError, db.flush)
    assert content(db) == {"a": [1, 2]}
    os.rmdir(path)
    support.write(path, data)
    db["b"] = 1
    db.flush()
    assert after_a_crash(path) == {"a": [1, 2], "b": 1}


def test_a_write_that_failed_and_could_not_be_undone_is_not_found_by_opening_again(path):
    def fail(*_):
        raise OSError(5)

    db = MicroTetherDB(path)
    db["a"] = 1
    with replaced("_sync", fail), replaced("_size", fail):  # the write, and what undoes it
        raises(OSError, db.__setitem__, "a", 2)
    db = MicroTetherDB(path)
    assert content(db) == after_a_crash(path) == {"a": 1}


def test_a_failed_write_is_not_found_though_it_is_the_first_of_its_journal(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    db.flush()
    for value in (2, 600 * "x"):  # in the tip, in the log
        with replaced("_sync", fail_to_sync):
            raises(OSError, db.__setitem__, "a", value)
        assert content(db) == after_a_crash(path) == {"a": 1}


@only("cpython host", "how other file systems name this error differs")
def test_a_path_through_a_file_raises_os_error(path):
    support.write(path, b"no folder")
    assert path in raises(OSError, MicroTetherDB, path + "/my.db")
    assert support.read(path) == b"no folder"


def test_a_rename_that_fails_leaves_the_file_that_it_was_to_replace(path):
    module = sys.modules["MicroTetherDB"]
    rename = module._rename
    db = MicroTetherDB(path)
    db["long"] = "x" * 600
    db["a"] = [1]

    def fail(old, new):
        if new == path:
            raise OSError(5)  # EIO
        rename(old, new)

    module._rename = fail
    try:
        db["a"].append(2)
        assert path in raises(OSError, db.flush)
        assert after_a_crash(path) == {"long": "x" * 600, "a": [1]}
        db["b"] = 1
    finally:
        module._rename = rename
    assert after_a_crash(path) == {"long": "x" * 600, "a": [1], "b": 1}
    db.flush()
    assert after_a_crash(path) == content(db)


def test_a_tip_that_got_shorter_behind_its_back_is_made_good(path):
    db = Small(path)
    db["long"] = "x" * 600
    db.flush()
    db["a"] = [1]
    db["a"] = [2]
    support.write(path + ".tip", files(path)[".tip"][:12])
    db["b"] = "y" * 90  # a spill
    expected = {"long": "x" * 600, "a": [2], "b": "y" * 90}
    assert content(db) == after_a_crash(path) == expected


@only("cpython", "MicroPython calls no finalisers at once")
def test_a_block_that_is_lost_in_the_middle_is_rolled_back(path):
    db = MicroTetherDB(path)
    db["a"] = [1]
    for make in (db.transaction, db.lock):
        block = make()
        block.__enter__()
        db["a"].append(2)
        db["b"] = 1
        del block
        assert content(db) == after_a_crash(path) == {"a": [1]}
    db["b"] = 1
    assert after_a_crash(path) == {"a": [1], "b": 1}


class StruckDict(dict):
    """A dict that Ctrl-C hits in the middle of a rollback, as often as hits says."""

    hits = 0

    def __setitem__(self, key, value):
        if self.hits:
            self.hits -= 1
            raise KeyboardInterrupt
        super().__setitem__(key, value)


def test_ctrl_c_in_a_rollback_waits_for_its_end(path):
    db = MicroTetherDB(path)
    db.update(a={"v": 1}, b=[1], c=0, d=0)
    db._data = [StruckDict(data) for data in db._data]
    for hits in (1, 2):
        struck = False
        try:
            with db.transaction():
                db["a"]["v"] = 2
                db["b"].append(2)
                db.update(c=1, d=1)
                for data in db._data:
                    data.hits = hits
                raise Oops
        except KeyboardInterrupt:
            struck = True
        for data in db._data:
            data.hits = 0
        assert struck
        assert content(db) == after_a_crash(path) == {"a": {"v": 1}, "b": [1], "c": 0, "d": 0}


class StruckLock:
    """A lock whose acquire() is hit by Ctrl-C: when it has the lock already, or while it waits.
    So is `with`, as that of CPython 3.14 is."""

    def __init__(self, lock, has_it):
        self.release = lock.release
        self._is_owned = lock._is_owned
        self._acquire = lock.acquire
        self.has_it = has_it

    def acquire(self):
        if self.has_it:
            self._acquire()
        raise KeyboardInterrupt

    __enter__ = acquire

    def __exit__(self, *_):
        self.release()


@only("cpython", "on MicroPython Ctrl-C can't strike there")
def test_ctrl_c_while_a_lock_is_taken_leaves_it_free(path):
    module = sys.modules["MicroTetherDB"]
    db = MicroTetherDB(path)
    lock = module._lock
    for has_it in (True, False):
        module._lock = StruckLock(lock, has_it)
        for use in (
            db.lock().__enter__,
            db.transaction().__enter__,
            lambda: db.get("a"),
            lambda: "a" in db,
            lambda: len(db),
            lambda: list(db),
        ):
            raises(KeyboardInterrupt, use)
            assert not lock._is_owned()
    module._lock = lock
    db["a"] = 1
    assert after_a_crash(path) == {"a": 1}


def test_a_rename_that_failed_half_way_is_finished_before_the_next_fold(path):
    # FAT removes the old file before it gives the new one its name. If that fails in between, the
    # temporary file is all there is: it must not be written anew before it is in its place.
    module = sys.modules["MicroTetherDB"]
    rename = module._rename
    db = MicroTetherDB(path)
    db["a"] = 1
    open_at = module._open_at
    there = []

    def fail(old, new):
        module._rename = rename
        os.remove(new)
        raise OSError(5)

    def looking_open_at(*args):
        there.append(path.rsplit("/", 1)[1] in os.listdir())
        return open_at(*args)

    module._open_at = looking_open_at
    module._rename = fail
    try:
        raises(OSError, db.flush)
        db.flush()
    finally:
        module._rename = rename
        module._open_at = open_at
    assert there == [True, True]
    assert content(db) == after_a_crash(path) == {"a": 1}
    db["a"] = 2
    assert after_a_crash(path) == {"a": 2}


@only("cpython", "elsewhere Ctrl-C strikes at branches only, not as a function is entered")
def test_ctrl_c_as_a_rollback_begins_waits_for_its_end(path):
    module = sys.modules["MicroTetherDB"]
    roll_back = module._Block.roll_back
    struck = []

    def strike(block):
        if not struck and not block.outer:
            struck.append(block)
            raise KeyboardInterrupt
        roll_back(block)

    def transaction():
        with db.transaction():
            db["a"].append(2)
            raise Oops

    db = MicroTetherDB(path)
    db["a"] = [1]
    for step in (transaction, lambda: db.update([("a", 2), ("b", {1})])):
        del struck[:]
        module._Block.roll_back = strike
        try:
            raises(KeyboardInterrupt, step)
        finally:
            module._Block.roll_back = roll_back
        assert content(db) == after_a_crash(path) == {"a": [1]}
        db["next"] = 1
        assert after_a_crash(path) == {"a": [1], "next": 1}
        del db["next"]


def test_ctrl_c_as_an_operation_ends_undoes_it(path):
    class Struck(MicroTetherDB):
        def _pop(self, key, default):
            super()._pop(key, default)
            raise KeyboardInterrupt

    db = Struck(path)
    db["a"] = [1]
    for operation in (lambda: db.pop("a"), db.popitem, lambda: db.__delitem__("a")):
        raises(KeyboardInterrupt, operation)
        assert content(db) == after_a_crash(path) == {"a": [1]}


def test_ctrl_c_as_a_database_closes_loses_nothing_when_it_is_opened_again(path):
    module = sys.modules["MicroTetherDB"]
    opened = module._opened

    class Struck:
        def pop(self, *_):
            module._opened = opened
            raise KeyboardInterrupt

    db = MicroTetherDB(path)
    db["a"] = 1
    module._opened = Struck()
    raises(KeyboardInterrupt, db.close)
    db = MicroTetherDB(path)
    assert content(db) == after_a_crash(path) == {"a": 1}


def test_a_journal_file_that_is_gone_or_shorter_is_made_good_by_the_next_write(path):
    for end in (".tip", ".log"):
        for left in (None, b"", b"["):
            db = Small(path)
            db["base"] = 2000 * "x"
            db.flush()
            for n in range(6):
                db["k"] = n
            assert end in files(path)
            if left is None:
                remove(path + end)
            else:
                write(path + end, left)
            for n in range(6):
                db["later"] = n
            assert content(db) == after_a_crash(path) == {"base": 2000 * "x", "k": 5, "later": 5}
            db.clear()
            db.close()


def test_what_the_source_of_an_update_raises_comes_out_as_it_is(path):
    class SensorError(OSError):
        def __init__(self, sensor, reading):
            super().__init__("no answer from " + sensor)

    def rows(error):
        yield "new", 1
        raise error

    db = MicroTetherDB(path)
    errors = OSError(2, "readings.csv"), OSError("timed out"), OSError(), SensorError("a", 1)
    for error in errors:
        args = error.args
        try:
            db.update(rows(error))
            raise AssertionError("not raised")
        except OSError as raised:
            assert raised is error and raised.args == args
        assert content(db) == {}
    db["next"] = 1
    assert after_a_crash(path) == {"next": 1}


def test_what_is_raised_in_a_block_comes_out_as_it_is_and_writes_nothing(path):
    def work(block, error):
        with block():
            raise error

    db = MicroTetherDB(path)
    for block in db.lock, db.transaction:
        for error in OSError(2, "readings.csv"), OSError(5), KeyboardInterrupt():
            args = error.args
            with no_writes(path):
                try:
                    work(block, error)
                    raise AssertionError("not raised")
                except (OSError, KeyboardInterrupt) as raised:
                    assert raised is error and raised.args == args
    db["next"] = 1
    assert after_a_crash(path) == {"next": 1}


def test_a_disk_error_names_the_database_whatever_was_written(path):
    def change(block):
        with block():
            db["a"] = 1

    db = MicroTetherDB(path)
    writes = [
        lambda: db.__setitem__("a", 1),
        lambda: db.update(a=1),
        lambda: db.setdefault("a", 1),
        lambda: change(db.lock),
        lambda: change(db.transaction),
    ]
    for write_it in writes:
        with replaced("_sync", fail_to_sync):
            assert path in raises(OSError, write_it)
        assert content(db) == after_a_crash(path) == {}


def test_a_write_that_fails_once_it_is_durable_stays_in_memory_too(path):
    module = sys.modules["MicroTetherDB"]
    append = module._Store.append

    def late(store, texts, spills):
        module._Store.append = append
        append(store, texts, spills)
        raise MemoryError

    def block():
        with db.transaction():
            db["a"].append(3)
            db["b"] = 3

    db = MicroTetherDB(path)
    for write_it, expected in (
        (lambda: db.__setitem__("a", [1]), {"a": [1]}),
        (lambda: db.update(a=[2], b=2), {"a": [2], "b": 2}),
        (block, {"a": [2, 3], "b": 3}),
        (lambda: db.pop("b"), {"a": [2, 3]}),
    ):
        module._Store.append = late
        raises(MemoryError, write_it)
        assert content(db) == after_a_crash(path) == expected


def test_an_error_without_a_number_is_raised_as_it_is(path):
    module = sys.modules["MicroTetherDB"]
    sync = module._sync

    def fails(file):  # as a handler of a signal might, with a TimeoutError
        module._sync = sync
        raise OSError

    db = MicroTetherDB(path)
    for n in range(3):
        db["a"] = n
        module._sync = fails
        raises(OSError, db.__setitem__, "a", "lost")
        assert content(db) == after_a_crash(path) == {"a": n}


def test_what_fails_in_a_backup_names_the_backup(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    folder = path[: path.rfind("/") + 1]
    os.mkdir("folder")
    for target in (folder + "missing/backup", folder + "folder"):
        error = raises(OSError, db.backup, target)
        assert target in error and path not in error, error


def test_ctrl_c_in_an_operation_leaves_another_programs_file_as_it_is(path):
    def rows():
        yield "b", 2
        raise KeyboardInterrupt

    write(path, b'{"a": 1}')
    db = MicroTetherDB(path)
    raises(KeyboardInterrupt, db.update, rows())
    assert files(path)[""] == b'{"a": 1}' and content(db) == {"a": 1}
    db.update(b=3)
    raises(KeyboardInterrupt, db.update, rows())
    assert content(db) == after_a_crash(path) == {"a": 1, "b": 3}


def test_ctrl_c_in_an_operation_within_a_block_saves_nothing_of_the_block(path):
    def rows():
        yield "b", 2
        raise KeyboardInterrupt

    db = MicroTetherDB(path)
    db["a"] = 1
    try:
        with db.transaction():
            db["a"] = 2
            raises(KeyboardInterrupt, db.update, rows())
            raise Oops
    except Oops:
        pass
    assert content(db) == after_a_crash(path) == {"a": 1}


def test_ctrl_c_as_an_inner_transaction_ends_leaves_the_outer_one_its_notes(path):
    """As it hands its notes over, and wherever else they are looked at."""
    calls = []
    strike_at = 0
    pad = 3000 * "x"  # so that a few changes don't make it write all anew

    def pair(*args):
        calls.append(args)
        if len(calls) == strike_at:
            raise KeyboardInterrupt
        return real(*args)

    def end_inner(db):
        """Return whether Ctrl-C has struck."""
        del calls[:]
        try:
            with db.transaction():
                db["a"]["l"].append(1)
                db["b"] = [[1]]
                db["c"].append([1])
        except KeyboardInterrupt:
            return True
        return False

    for changes in (True, False):
        for strike_at in range(1, 99):
            db = MicroTetherDB(path)
            db.clear()
            db.update(a={"l": [0]}, b=[[0]], c=[0], pad=pad)
            expected = {"a": {"l": [0, 2]}, "b": [[0], [0]], "c": [0, 2], "d": [0], "pad": pad}
            with db.transaction():
                shared = [0]
                db["b"].append(shared)
                db["d"] = shared
                with replaced("_pair", pair) as real:
                    was_struck = end_inner(db)
                if not was_struck:
                    break
                if changes:
                    db["a"]["l"].append(2)
                    db["c"].append(2)
            if not changes:
                expected.update(a={"l": [0]}, c=[0])
            assert content(db) == after_a_crash(path) == expected, strike_at
            with db.lock():
                db["b"][1].append(3)
                db["b"][0].append(3)
            assert content(db) == after_a_crash(path), strike_at
            assert db["d"] == [0]
        assert strike_at > 3


@only("littlefs fat host", "on CPython a rollback always puts its copies in place")
def test_a_rollback_that_lacks_memory_puts_its_copies_in_place(path):
    def lacks_memory(*_):
        raise MemoryError

    db = MicroTetherDB(path)
    db["a"] = {"l": [1]}
    with replaced("_restore", lacks_memory):
        try:
            with db.transaction():
                db["a"]["l"].append(2)
                raise Oops
        except Oops:
            pass
    assert content(db) == after_a_crash(path) == {"a": {"l": [1]}}
    with db.lock():
        db["a"]["l"].append(3)
    assert content(db) == after_a_crash(path) == {"a": {"l": [1, 3]}}


def strike_as_the_journal_is_opened():
    """Let Ctrl-C come then, and spoil the file as littlefs does if it is kept from opening it."""
    module = sys.modules["MicroTetherDB"]
    open_at = module._open_at

    def struck(start, name):
        module._open_at = open_at
        write(name, b"\xff" * start)
        raise KeyboardInterrupt

    module._open_at = struck


@only("micropython", "a PC's files are not hurt by Ctrl-C")
def test_a_journal_that_ctrl_c_has_spoiled_is_replaced_at_once(path):
    db = MicroTetherDB(path)
    for key, expected in (("a", {}), ("b", {"a": 1})):
        strike_as_the_journal_is_opened()
        raises(KeyboardInterrupt, db.__setitem__, key, 2)
        assert content(db) == after_a_crash(path) == expected
        db = MicroTetherDB(path)
        assert content(db) == expected
        db["a"] = 1
        assert after_a_crash(path) == {"a": 1}


@only("micropython", "a PC's files are not hurt by Ctrl-C")
def test_a_fold_after_ctrl_c_keeps_the_journal_until_it_is_done(path):
    def rows():
        yield "b", 2
        raise KeyboardInterrupt

    db = MicroTetherDB(path)
    db["a"] = 1  # in the journal
    seen = at_renames(path, lambda: raises(KeyboardInterrupt, db.update, rows()))
    assert [found(path, contents) for contents in seen] == [{"a": 1}, {"a": 1}]


@only("micropython", "a PC's files are not hurt by Ctrl-C")
def test_a_journal_that_ctrl_c_has_spoiled_twice_is_not_gone_on_with(path):
    module = sys.modules["MicroTetherDB"]
    fold = module._Store.fold

    def struck_again(store, items):
        module._Store.fold = fold
        raise KeyboardInterrupt

    for go_on in (lambda db: db, lambda db: MicroTetherDB(path)):
        db = MicroTetherDB(path)
        db["a"] = 1
        strike_as_the_journal_is_opened()
        module._Store.fold = struck_again
        raises(KeyboardInterrupt, db.__setitem__, "b", 2)
        db = go_on(db)
        assert content(db) == {"a": 1}
        db["c"] = 3
        assert after_a_crash(path) == {"a": 1, "c": 3}
        del db["c"]


def test_a_log_that_is_gone_or_shorter_leaves_no_journal_that_nobody_knows(path):
    for left in (0, 0.5, None):
        db = Small(path)
        db["base"] = 2000 * "x"
        db.flush()
        n = 0
        while len(files(path).get(".log", b"")) < 300:
            db["k%d" % n] = n
            n += 1
        db["last"] = n  # in the tip
        log = files(path)[".log"]
        if left is None:
            remove(path + ".log")
        else:
            write(path + ".log", log[: int(len(log) * left)])
        db["long"] = 100 * "x"
        assert content(db) == after_a_crash(path)
        db.clear()
        db.close()


def test_a_fold_behind_a_torn_first_spill_can_be_cut_at_its_rename(path):
    db = OfAPage(path)
    db["base"] = 5000 * "x"
    db.flush()
    n = 0
    while ".log" not in files(path):
        torn = files(path)
        db["k%d" % n] = 50 * "x"
        n += 1
    torn[".log"] = b"\0" * 512 + files(path)[".log"][512:]
    lay(path + "3", torn)
    db = OfAPage(path + "3")

    def go_on():
        db["next"] = 1
        db.flush()

    _, renamed = at_renames(path + "3", go_on)[:2]
    assert content(db) == found(path, renamed) == found(path, files(path + "3"))
    assert db["next"] == 1 and len(db) >= n


def test_a_torn_spill_in_a_stale_log_is_no_damage(path):
    db = OfAPage(path)
    db["base"] = 1800 * "x"
    db.flush()
    logs = [b""]
    while len(logs) < 3:
        torn = files(path)
        db["n"] = "%060d" % (int(db.get("n", 0)) + 1)
        log = files(path).get(".log", b"")
        if log != logs[-1]:
            logs.append(log)
    torn[".log"] = logs[1] + bytes(400) + logs[2][len(logs[1]) + 400 :]
    lay(path + "3", torn)
    db = OfAPage(path + "3")
    db["long"] = 1500 * "y"  # a fold of its own accord: the log is stale now
    assert files(path + "3")[".log"] == torn[".log"]
    db["a"] = 1
    assert content(db) == found(path, files(path + "3"))


def test_a_fold_behind_a_torn_batch_in_the_log_can_be_cut_at_its_rename(path):
    db = Small(path)
    db["base"] = 2000 * "x"
    db.flush()
    while ".log" not in files(path):
        db["n"] = db.get("n", 0) + 1
    torn = files(path)
    db.update({"k%d" % n: 60 * "x" for n in range(4)})
    torn[".log"] = files(path)[".log"].rstrip()[:-20]
    lay(path + "3", torn)
    db = Small(path + "3")
    db["a"] = 1
    db["a"] = 2
    _, renamed = at_renames(path + "3", db.flush)
    assert ".tip" in renamed
    assert content(db) == found(path, renamed)


def test_a_log_that_cannot_be_opened_leaves_a_stale_one_stale(path):
    db = Small(path)
    db["base"] = 1500 * "b"
    db.flush()
    seal = db._store.seal
    n = 0
    while db._store.seal == seal:  # long values go into the log, until it folds by itself
        n += 1
        db["long"] = 600 * "x" + str(n)
    db["a"] = 1  # in the tip; the log is stale
    assert ".log" in files(path)
    for error in (OSError(5), MemoryError()):

        def fail(start, name, *like, error=error):
            if name.endswith(".log"):
                raise error
            return open_at(start, name, *like)

        with replaced("_open_at", fail) as open_at:
            raises(type(error), db.__setitem__, "long", 700 * "z")
        assert after_a_crash(path) == content(db)
        db["a"] += 1
        assert after_a_crash(path) == content(db)


def empty_card():
    """Return a simulated disk like the one that is in."""
    card = type(support.device)(64 * 1024)
    card.format()
    return card


def another_card(path, count):
    """Return a simulated disk like the one that is in, with a database that has a journal, and
    what this holds."""
    folder = path.rsplit("/", 1)[0]
    was = changed_card(folder, empty_card())
    db = Small(path)
    db["folded"] = count
    db.close()
    db = Small(path)
    db.update({"k%d" % i: "precious" for i in range(count)})
    wanted = content(db)
    return changed_card(folder, was), wanted


def opens_unchanged(path, there, others):
    """Open the path anew, with another card in: that is as it was, and takes a write."""
    new = Small(path)
    assert content(new) == others
    assert files(path) == there
    new["new"] = 1
    assert after_a_crash(path) == dict(others, new=1)


def fails(operation):
    """Call it; return whether it raises OSError."""
    try:
        operation()
    except OSError:
        return True
    return False


WAYS_TO_GO_ON = (
    lambda db: db.__setitem__("a", "late"),
    lambda db: db.update(a=1, b=2),
    lambda db: db.flush(),
    lambda db: db.close(),
)


@only("littlefs fat", "a card is pulled out, and another one is put in its place")
def test_a_database_that_failed_as_its_card_was_pulled_out_leaves_another_card_alone(path):
    for writes in (0, 1, 12):  # 12: there is a log
        for count in (1, 6):  # so that the other card's journal is shorter or longer
            for go_on in WAYS_TO_GO_ON:
                fail_and_change_cards(path, writes, count, go_on)


def fail_and_change_cards(path, writes, count, go_on):
    folder = path.rsplit("/", 1)[0]
    lay(path, {})
    other, others = another_card(path, count)
    db = Small(path)
    db["x"] = 1
    db.flush()
    for i in range(writes):
        db["n"] = "%050d" % i
    wanted = content(db)

    support.device.dead = True
    assert fails(lambda: db.__setitem__("n", "late"))
    mine = changed_card(folder, other)
    there = files(path)
    try:
        go_on(db)
        raise Oops
    except OSError as error:
        assert "is another one now" in str(error), error
    assert files(path) == there

    other = changed_card(folder, mine)  # back again: it goes on
    db["a"] = 3
    wanted["a"] = 3
    assert content(db) == after_a_crash(path) == wanted

    support.device.dead = True
    assert fails(lambda: db.update(x=2, n=3))
    mine = changed_card(folder, other)
    opens_unchanged(path, there, others)
    changed_card(folder, mine)
    assert after_a_crash(path) == wanted


@only("littlefs fat", "a card is pulled out, and another one is put in its place")
def test_a_fold_that_failed_as_its_card_was_pulled_out_leaves_another_card_alone(path):
    folder = path.rsplit("/", 1)[0]
    count = 0
    while True:
        count += 1
        lay(path, {})
        other, others = another_card(path, 3)
        db = Small(path)
        db.update(x=1, y="y" * 600)
        db["z"] = 2
        wanted = content(db)
        support.device.cut_at = support.device.operations + count
        if not fails(db.flush):
            break
        mine = changed_card(folder, other)
        there = files(path)
        assert fails(db.flush)
        assert files(path) == there
        opens_unchanged(path, there, others)
        changed_card(folder, mine)
        assert after_a_crash(path) == wanted
    assert count > 4


@only("micropython", "a PC's disk shows no error here")
def test_files_removed_after_an_error_stay_removed_when_the_path_is_opened_again(path):
    for writes in (0, 1):
        db = MicroTetherDB(path)
        for i in range(writes):
            db["a"] = i
        with replaced("_sync", fail_to_sync):
            raises(OSError, db.__setitem__, "b", 1)
        lay(path, {})
        assert content(MicroTetherDB(path)) == {}
        lay(path, {})
