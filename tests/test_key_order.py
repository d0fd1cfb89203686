"""On a PC, keys keep their order."""

import os

from MicroTetherDB import MicroTetherDB
from support import Oops, after_a_crash, content, files, found, only


@only("cpython", "on MicroPython a dict has no order")
def test_a_rollback_keeps_the_order_of_the_keys(path):
    db = MicroTetherDB(path)
    db.update(a=1, b=2, c=3)
    try:
        with db.transaction():
            db["d"] = 4
            del db["a"]
            db["b"] = 5
            db["a"] = 6
            raise Oops
    except Oops:
        pass
    assert list(db) == ["a", "b", "c"]


@only("cpython", "on MicroPython a dict has no order")
def test_the_order_of_keys_that_a_block_has_changed_is_found_again(path):
    def newest(db):
        db["a"] = db.pop("a")

    def sort(db):
        items = sorted(db.items())
        db.clear()
        db.update(items)

    def new_ones(db):
        db.update(x=1, y=[2])
        newest(db)
        db["x"] = db.pop("x")

    def within(db):
        with db.transaction():
            newest(db)
        db["b"] = 5

    for change in (newest, sort, new_ones, within):
        db = MicroTetherDB(path)
        db.clear()
        db.update(c=1, a=2, b=[3])
        file = os.stat(path).st_ino
        with db.transaction():
            change(db)
        assert os.stat(path).st_ino == file
        keys = list(db)
        assert list(after_a_crash(path)) == keys != ["c", "a", "b"], change
        assert content(db) == after_a_crash(path)
        db.close()


@only("cpython", "on MicroPython a dict has no order")
def test_a_block_that_leaves_the_order_of_the_keys_makes_no_new_file(path):
    db = MicroTetherDB(path)
    db.update({"k%d" % i: i for i in range(9)})
    file = os.stat(path).st_ino
    with db.transaction():
        del db["k8"]
        db["k7"] = 0
        db["new"] = 1
    with db.transaction():
        db["new"] = db.pop("new")
    assert os.stat(path).st_ino == file
    assert list(after_a_crash(path)) == list(db)


@only("cpython", "MicroPython's dicts have no order")
def test_an_order_of_keys_that_was_changed_in_place_in_a_block_is_saved(path):
    db = MicroTetherDB(path)
    db["a"] = {"x": 1, "y": 2}
    db.flush()
    with db.lock():
        db["a"]["x"] = db["a"].pop("x")
    assert list(db["a"]) == list(found(path, files(path))["a"]) == ["y", "x"]


@only("cpython", "on MicroPython a dict has no order")
def test_a_backup_in_two_blocks_that_move_keys_has_them_in_order(path):
    db = MicroTetherDB(path)
    db.update(a=1, b=2, c=[3])
    with db.transaction():
        del db["a"]
        with db.transaction():
            db["b"] = db.pop("b") + 1
            db["a"] = 4
            db.backup(path + "2")
    expected = [("c", [3]), ("b", 3), ("a", 4)]
    assert list(db.items()) == list(after_a_crash(path).items()) == expected
    assert list(content(MicroTetherDB(path + "2")).items()) == expected
