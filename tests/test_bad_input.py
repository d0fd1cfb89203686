import builtins
import os

from MicroTetherDB import MicroTetherDB
from support import Oops, Small, after_a_crash, content, files, no_writes, only, raises


def data():
    return {"user1": {"tags": ["a", "b"], "age": 30}, "n": 1}


def start(path, kind=MicroTetherDB):
    db = kind(path)
    db.update(data())
    return db


def refused(db, path, kind, value, where):
    """Check that value can't get into the database in any way, and that the message says where."""
    place = where[len('db["new"]') :]  # within the value
    ways = [
        (lambda: db.__setitem__("new", value), 'db["new"]'),
        (lambda: db.__setitem__("user1", value), 'db["user1"]'),
        (lambda: db.setdefault("new", value), 'db["new"]'),
        (lambda: db.update({"a": 1, "new": value}), 'db["new"]'),
        (lambda: db.update([("a", 1), ("new", value)]), 'db["new"]'),
        (lambda: db.update(a=1, new=value), 'db["new"]'),
    ]
    with no_writes(path):
        for way, key in ways:
            assert key + place in raises(kind, way), value
            assert content(db) == data()
            for block in (db.transaction, db.lock):
                with block():
                    assert key + place in raises(kind, way), value
                assert content(db) == data()
    in_place(db, path, kind, value, place)
    assert after_a_crash(path) == data()


def in_place(db, path, kind, value, place):
    """Check that value, put into a list in place, is refused by whatever would save it."""

    def change(block):
        with block():
            db["n"] = 2
            db["user1"]["tags"].append(value)

    text = 'db["user1"]' + ('["tags"][2]' + place if kind is TypeError else "")
    with no_writes(path):
        for block in (db.transaction, db.lock):
            message = raises(kind, change, block)
            assert text in message, message
            assert content(db) == data()
    for save in (db.flush, db.close):
        before = files(path)
        db["user1"]["tags"].append(value)
        message = raises(kind, save)
        assert text in message, message
        assert files(path) == before
        assert after_a_crash(path) == data()
        db["user1"]["tags"].pop()
        assert content(db) == data()


def some_function():
    pass


def test_values_that_are_no_json_are_refused(path):
    db = start(path)
    values = [object(), {1}, b"bytes", bytearray(1), some_function, len, int, range(3)]
    if hasattr(builtins, "complex"):  # some boards have no such numbers
        values.append(complex(0, 1))
    for value in values:
        name = type(value).__name__
        refused(db, path, TypeError, value, 'db["new"]')
        assert name in raises(TypeError, db.__setitem__, "new", value)
        refused(db, path, TypeError, {"a": [1, (2, value)]}, 'db["new"]["a"][1][1]')


def test_the_message_says_which_type_and_where(path):
    db = start(path)
    message = raises(TypeError, db.__setitem__, "user1", {"name": "x", "tags": ["a", "b", {1}]})
    assert 'db["user1"]["tags"][2]' in message
    assert "set" in message


def test_a_nested_key_that_is_no_str_is_refused(path):
    db = start(path)
    for key in (1, None, True, 1.5, b"a", (1,)):
        refused(db, path, TypeError, {key: 1}, 'db["new"]')
        refused(db, path, TypeError, [{"ok": {key: 1}}], 'db["new"][0]["ok"]')


def test_what_json_has_no_number_for_is_refused(path):
    db = start(path)
    for value in (float("nan"), float("inf"), -float("inf")):
        refused(db, path, ValueError, value, 'db["new"]')
        refused(db, path, ValueError, [0, {"a": value}], 'db["new"]')


def test_a_lone_surrogate_is_refused(path):
    db = start(path)
    for text in (
        chr(0xD800),
        "a" + chr(0xDFFF),
        chr(0xDE00) + "\u20ac",
        "\ud7ff" + chr(0xDABC),
        2 * chr(0xDE00),
    ):
        refused(db, path, ValueError, text, 'db["new"]')
        refused(db, path, ValueError, [text], 'db["new"]')
        refused(db, path, ValueError, {"a": {text: 1}}, 'db["new"]')
        with no_writes(path):
            raises(ValueError, db.__setitem__, text, 1)
            raises(ValueError, db.setdefault, text, 1)
            raises(ValueError, db.update, [("a", 1), (text, 1)])
        assert text not in db
        raises(KeyError, db.__getitem__, text)
        raises(KeyError, db.pop, text)
        assert content(db) == after_a_crash(path) == data()
    db["ok"] = "\ud7ff\ue000"
    assert after_a_crash(path)["ok"] == "\ud7ff\ue000"


def test_two_halves_of_a_character_are_stored_as_that(path):
    halves = chr(0xD83D) + chr(0xDE00)
    db = start(path)
    db["new"] = {"a" + halves: [halves + "b"]}
    expected = {"a\U0001f600": ["\U0001f600b"]}
    assert db["new"] == after_a_crash(path)["new"] == expected


def test_a_key_of_two_halves_of_a_character_is_refused(path):
    halves = chr(0xD83D) + chr(0xDE00)
    db = start(path)
    db["\U0001f600"] = 1
    raises(ValueError, db.setdefault, halves, 2)  # a look-up with it would find nothing
    raises(ValueError, db.update, {halves: 2})
    assert db["\U0001f600"] == after_a_crash(path)["\U0001f600"] == 1


def contains_itself():
    in_list = []
    in_list.append(in_list)
    in_dict = {}
    in_dict["a"] = in_dict
    both = {"a": [1, ()]}
    both["a"].append((both,))
    return in_list, in_dict, both


def test_a_value_that_contains_itself_is_refused(path):
    db = start(path)
    for value in contains_itself():
        raises(ValueError, db.__setitem__, "new", value)
        raises(ValueError, db.update, {"a": 1, "new": value})
        assert content(db) == after_a_crash(path) == data()
    for block in (db.transaction, db.lock):

        def change(block=block):
            with block():
                db["user1"]["me"] = [db["user1"]]

        assert 'db["user1"]' in raises(ValueError, change)
        assert content(db) == after_a_crash(path) == data()
    db["user1"]["me"] = db["user1"]
    for save in (db.flush, db.close):
        assert 'db["user1"]' in raises(ValueError, save)
        assert after_a_crash(path) == data()
    del db["user1"]["me"]
    db.close()


def test_a_value_that_nests_too_deep_is_refused(path):
    db = start(path)
    for depth in (40, 2000):
        for wrap in (lambda x: [x], lambda x: {"a": x}, lambda x: (x,)):
            value = None
            for _ in range(depth):
                value = wrap(value)
            assert 'db["new"]' in raises(ValueError, db.__setitem__, "new", value)
            raises(ValueError, db.update, {"a": 1, "new": value})
            assert content(db) == after_a_crash(path) == data()
            with no_writes(path):
                raises(ValueError, in_a_block, db, value)
            assert content(db) == data()


def in_a_block(db, value):
    with db.transaction():
        db["user1"]["deep"] = value


def test_a_key_is_a_str(path):
    db = start(path)
    with no_writes(path):
        for key in (1, 0, None, True, 1.5, b"n", ("n",), ["n"], {}, object):
            for way in (
                lambda: db.__setitem__(key, 1),  # noqa: B023
                lambda: db.setdefault(key, 1),  # noqa: B023
                lambda: db.update([("a", 1), (key, 1)]),  # noqa: B023
            ):
                message = raises(TypeError, way)
                assert "db[%r]" % (key,) in message, message
        raises(TypeError, db.update, {"a": 1, 2: 3})
        assert content(db) == data()
    assert after_a_crash(path) == data()


def test_no_fold_writes_a_bad_value_and_other_keys_can_be_written(path):
    db = start(path, Small)
    db["user1"]["bad"] = {1}
    for i in range(60):
        db["n"] = i
        assert after_a_crash(path) == dict(data(), n=i)
    raises(TypeError, db.close)
    db["user1"].pop("bad")
    db.close()
    with MicroTetherDB(path) as db:
        assert content(db) == dict(data(), n=59)


def test_a_bad_value_can_be_replaced_or_deleted(path):
    db = start(path)
    db["user1"]["bad"] = {1}
    db["user1"] = 1
    assert after_a_crash(path) == {"user1": 1, "n": 1}
    db["user1"] = {}
    db["user1"]["bad"] = {1}
    del db["user1"]
    assert after_a_crash(path) == {"n": 1}
    db.close()


def test_a_bad_value_stored_and_taken_back_in_a_block_is_none(path):
    db = start(path)
    with db.transaction():
        db["user1"]["bad"] = {1}
        del db["user1"]["bad"]
        db["n"] = 2
    assert after_a_crash(path) == dict(data(), n=2)


def test_a_bad_value_in_an_inner_block_rolls_back_that_one(path):
    db = start(path)
    with db.transaction():
        db["n"] = 2
        raises(TypeError, in_a_block, db, {1})
        assert content(db) == dict(data(), n=2)
    assert content(db) == after_a_crash(path) == dict(data(), n=2)


def deeper(depth, function):
    return deeper(depth - 1, function) if depth else function()


def deepest(depth=100):
    """How deep deeper() can go here."""
    while True:
        try:
            deeper(depth, int)
        except RuntimeError:
            return depth
        depth += 10


@only("cpython host", "a deep recursion is the interpreter's, not the disk's")
def test_on_a_stack_that_is_nearly_full_a_value_is_saved_or_refused(path):
    db = start(path)
    value = {"a": [[[[[[[[[[[(1.5,)]]]]]]]]]]]}
    refused = 0
    for depth in range(deepest() - 100, deepest(), 3):
        try:
            deeper(depth, lambda: db.__setitem__("new", value))
        except RuntimeError as error:
            assert "recursion" in str(error)
            refused += 1
        else:
            assert db.pop("new") == {"a": [[[[[[[[[[[[1.5]]]]]]]]]]]]}
        assert content(db) == after_a_crash(path) == data()
    assert refused


@only("cpython host", "a deep recursion is the interpreter's, not the disk's")
def test_on_a_stack_that_is_nearly_full_a_transaction_is_undone_or_refused(path):
    db = MicroTetherDB(path)
    deep = inner = []
    for _ in range(13):
        inner.append([])
        inner = inner[0]

    def change():
        with db.transaction():
            value = db["a"]
            value["n"] = 5
            raise Oops

    def put():
        value = db["a"]
        with db.transaction():
            db["a"] = 1
            value["n"] = 5
            raise Oops

    undone = refused = 0
    for work in (change, put):
        for depth in range(deepest() - 100, deepest()):
            db["a"] = {"n": 0, "d": deep}
            try:
                deeper(depth, work)
            except Oops:
                assert db["a"]["n"] == 0, depth
                undone += 1
            except (RuntimeError, ValueError):
                refused += 1
    assert undone and refused


@only("cpython host", "a deep recursion is the interpreter's, not the disk's")
def test_on_a_stack_that_is_nearly_full_a_write_that_raises_changes_nothing(path):
    def transaction():
        with db.transaction():
            db["n"] = 2
            db["l"].append(3)

    writes = [
        lambda: db.__setitem__("n", 2),
        lambda: db.pop("n"),
        lambda: db.update(n=2, l=[3]),
        lambda: db.clear(),
        transaction,
    ]
    for write in writes:
        db = MicroTetherDB(path)
        done = refused = 0
        for depth in range(deepest() - 60, deepest()):
            db.update(n=1, l=[2])
            try:
                deeper(depth, write)
                done += 1
            except (RuntimeError, ValueError):
                assert content(db) == {"n": 1, "l": [2]}, depth
                refused += 1
            assert content(db) == after_a_crash(path), depth
        assert done and refused


class OddKey(str):
    def __hash__(self):
        raise Oops

    def __eq__(self, other):
        raise Oops


def test_a_key_that_cannot_be_looked_up_leaves_the_lock_free(path):
    db = start(path)
    # Longer than what MicroPython interns: it finds an interned key without calling __eq__.
    db.update({"a key of more than ten characters %d" % i: i for i in range(40)})
    key = OddKey("a key of more than ten characters 7")
    for use in (
        lambda: db[key],
        lambda: db.get(key),
        lambda: key in db,
        lambda: db.pop(key, None),
        lambda: db.setdefault(key, 1),
        lambda: db.update({"b": 1, "n": db[key]}),
    ):
        try:
            use()
        except (Oops, KeyError):  # some firmware doesn't ask it
            pass
        db["new"] = 1
        assert after_a_crash(path)["new"] == db.pop("new")
    assert content(db) == after_a_crash(path)


def test_what_failed_leaves_no_file_behind(path):
    db = start(path)
    names = os.listdir()
    raises(TypeError, db.__setitem__, "n", {1})
    db["user1"]["bad"] = {1}
    raises(TypeError, db.flush)
    raises(TypeError, db.close)
    raises(TypeError, db.backup, "backup.db")
    assert os.listdir() == names
