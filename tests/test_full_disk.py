import os

import support
from MicroTetherDB import MicroTetherDB
from support import (
    Small,
    after_a_crash,
    content,
    files,
    found,
    full_disk,
    only,
    raises,
    restart,
)


def until_full(db, write):
    """Write until the disk is full: then nothing has changed. Return the data."""
    for n in range(200):
        before = content(db)
        try:
            write(db, n)
        except OSError:
            assert content(db) == before
            return before
    raise AssertionError("the disk never gets full")


def change_in_place(db, n):
    with db.transaction():
        db["list"].append("x" * 200)
        db["n"] = n


WAYS = [
    lambda db, n: db.__setitem__("k%d" % (n % 3), ["%04d" % n] * 20),
    lambda db, n: db.__setitem__("new%d" % n, "x" * 200),
    lambda db, n: db.update({"u%d" % i: ["%04d" % n] * 9 for i in range(5)}),
    change_in_place,
]


@only("cpython littlefs fat", "the disk of a PC or of a board is not for filling")
def test_a_full_disk_changes_nothing_and_work_goes_on_once_there_is_room(path):
    for kind in (MicroTetherDB, Small):
        db = kind(path)
        for way in WAYS:
            db.clear()
            db.update(list=[], k0=0, long="x" * 2000)
            with full_disk(path):
                before = until_full(db, way)
                left = files(path)
            assert found(path, left) == before
            assert content(db) == after_a_crash(path) == before
            db["again"] = 1
            way(db, 1)
            before = content(db)
            assert after_a_crash(path) == before
            db.flush()
            assert after_a_crash(path) == before
        db.close()
        with kind(path) as db:
            assert content(db) == before


@only("littlefs fat", "the disk of a board is not for filling, and a PC's tip is long")
def test_what_a_full_disk_has_refused_leaves_smaller_writes_their_room(path):
    db = MicroTetherDB(path)
    db.update({"k%d" % i: "y" * 30 for i in range(60)})
    db.flush()
    db["k0"] = "in the tip"
    with full_disk(path):
        raises(OSError, db.__setitem__, "big", "b" * 700)
        db["k1"] = 1
        del db["k2"]
        left = files(path)
    assert found(path, left) == content(db)
    assert db["k1"] == 1 and "k2" not in db and "big" not in db


@only("cpython littlefs fat", "the disk of a PC or of a board is not for filling")
def test_on_a_full_disk_flush_backup_and_close_raise_and_keep_what_was_durable(path):
    db = MicroTetherDB(path)
    db["a"] = ["x" * 100] * 60
    db.flush()
    with full_disk(path):
        db["a"].append("in place")
        for use in (db.flush, db.close, lambda: db.backup("backup.db")):
            raises(OSError, use)
        assert "backup.db" not in os.listdir()
        left = files(path)
    durable = {"a": ["x" * 100] * 60}
    assert found(path, left) == durable
    assert content(db) == {"a": ["x" * 100] * 60 + ["in place"]}
    db.close()
    with MicroTetherDB(path) as db:
        assert db["a"][-1] == "in place"


@only("cpython littlefs fat", "the disk of a PC or of a board is not for filling")
def test_a_backup_that_fails_leaves_one_whose_rename_was_cut(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    copy = path + "2"
    db.backup(copy)
    os.rename(copy, copy + ".tmp")  # as FAT leaves it
    db["pad"] = 9000 * "x"
    with full_disk(path):
        raises(OSError, db.backup, copy)
    with MicroTetherDB(copy) as saved:
        assert content(saved) == {"a": 1}
    db.backup(copy)
    assert found(copy, files(copy)) == content(db)


@only("cpython fat", "on a full littlefs a small file still fits, in its folder's own block")
def test_no_database_is_made_on_a_full_disk_but_once_there_is_room(path):
    with full_disk(path):
        assert path in raises(OSError, MicroTetherDB, path)
    with MicroTetherDB(path) as db:
        db["a"] = 1
        assert after_a_crash(path) == {"a": 1}


@only("littlefs", "its simulated disk can fail, and is small enough to be filled")
def test_after_a_write_that_failed_there_need_not_be_room_for_a_second_file(path):
    failed = 0
    for step in (
        lambda db: db.__setitem__("k", "y" * 20),
        lambda db: db.update({"u%d" % i: "y" * 300 for i in range(3)}),  # a spill
    ):
        db = MicroTetherDB(path)
        db.update({"long%d" % i: "x" * 1000 for i in range(104)})
        db.flush()
        with open("filler", "wb") as file:
            for _ in range(98):
                file.write(bytes(1024))
        db["k"] = 0
        before = content(db)
        for fail_at in range(1, 9):
            support.device.cut_at = support.device.operations + fail_at
            try:
                step(db)
            except OSError:
                failed += 1
                assert content(db) == before
                restart(path.rsplit("/", 1)[0])
            support.device.cut_at = -1
            db["k"] = fail_at  # in place, or there would be no room
            db["next"] = [fail_at]
            for i in range(3):
                db.pop("u%d" % i, None)
            before = content(db)
        db = MicroTetherDB(path)  # what the disk says
        assert content(db) == before
        os.remove("filler")
        db.clear()
        db.close()
    assert failed > 2, failed
