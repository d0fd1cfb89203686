"""Subclasses, tuples and look-alikes that are put in place: they become plain JSON values."""

from MicroTetherDB import MicroTetherDB
from support import Oops, after_a_crash, content, no_writes, only, raises, same


def test_reading_a_value_of_a_subclass_writes_nothing_twice(path):
    class Mine(dict):
        pass

    db = MicroTetherDB(path)
    db["all"] = []
    with db.transaction():
        db["all"].append(Mine({"x": 1}))
    assert type(db["all"][0]) is dict
    with no_writes(path), db.transaction():
        assert db["all"] == [{"x": 1}]


def test_what_only_looks_the_same_in_the_file_is_made_plain_or_refused(path):
    db = MicroTetherDB(path)
    db["a"] = {"l": [1, 2], "d": {"1": 5}}
    with db.lock():
        db["a"]["l"] = (1, 2)
    assert db["a"]["l"] == [1, 2]

    def put_int_key():
        with db.transaction():
            db["a"]["d"] = {1: 5}

    assert 'db["a"]["d"][1]' in raises(TypeError, put_int_key)
    assert content(db) == after_a_crash(path) == {"a": {"l": [1, 2], "d": {"1": 5}}}


def test_a_tuple_in_the_place_of_an_equal_list_becomes_one_and_writes_nothing(path):
    db = MicroTetherDB(path)
    db["a"] = {"l": [1, 2]}
    for block in db.transaction, db.lock:
        with no_writes(path), block():
            db["a"]["l"] = (1, 2)
        assert same(db["a"], {"l": [1, 2]})


def test_a_subclass_is_stored_as_what_it_holds_whatever_it_looks_like(path):
    class Config(dict):
        def __repr__(self):
            return "Config(%d items)" % len(self)

    class Names(list):
        def __repr__(self):
            return '{"not": "this"}'

    db = MicroTetherDB(path)
    db["set"] = Config(x=Names([1]))
    db["read"] = {}
    db["unread"] = {}
    db["unread"]["config"] = Config(x=1)
    with db.transaction():
        db["read"]["config"] = Config(x=Names())
    db.flush()
    expected = {
        "set": {"x": [1]},
        "read": {"config": {"x": []}},
        "unread": {"config": {"x": 1}},
    }
    assert content(db) == after_a_crash(path) == expected
    assert same(content(db), expected)
    db["unread"]["config"] = Config(x=2)
    try:
        with db.transaction():
            db["unread"]["config"] = 5
            raise Oops
    except Oops:
        pass
    db.close()
    assert after_a_crash(path)["unread"] == {"config": {"x": 2}}


def test_a_subclass_of_a_str_or_number_is_stored_as_what_it_holds(path):
    class Text(str):
        def __repr__(self):
            return "no JSON"

    class Number(float):
        def __repr__(self):
            return "99.5"

    class Count(int):
        def __repr__(self):
            return "99"

    db = MicroTetherDB(path)
    db["a"] = Text("x")
    db["b"] = [Number(2.5), Count(3), {Text("k"): Text("v")}]
    db["c"] = {}
    with db.lock():
        db["c"]["n"] = [Number(0.5), Text("y"), Count(4)]
    expected = {"a": "x", "b": [2.5, 3, {"k": "v"}], "c": {"n": [0.5, "y", 4]}}
    assert same(content(db), expected)
    assert same(after_a_crash(path), expected)


def test_a_key_of_a_subclass_put_in_place_is_stored_as_what_it_holds(path):
    class Name(str):
        def __repr__(self):
            return '"other"'

    db = MicroTetherDB(path)
    db.update(read={}, unread={}, deep={"d": {}})
    with db.lock():
        db["read"][Name("a")] = 1
        db["deep"]["d"][Name("b")] = [2]
    db["unread"][Name("c")] = {Name("d"): 3}
    db.flush()
    expected = {"read": {"a": 1}, "unread": {"c": {"d": 3}}, "deep": {"d": {"b": [2]}}}
    assert same(content(db), expected)
    assert same(after_a_crash(path), expected)


@only("cpython", "MicroPython can't call the method of the plain type")
def test_a_subclass_that_multiplies_in_its_own_way_becomes_plain(path):
    class Text(str):
        def __mul__(self, other):
            return Text(str.__mul__(self, other))

    class Number(float):
        def __mul__(self, other):
            return Number(float.__mul__(self, other))

    db = MicroTetherDB(path)
    db["a"] = {}
    with db.lock():
        db["a"].update(text=Text("t"), number=Number(1.5))
    assert [type(db["a"][key]) for key in ("text", "number")] == [str, float]
    with no_writes(path), db.lock():
        assert db["a"] == {"text": "t", "number": 1.5}


@only("micropython", "CPython can call the method of the plain type")
def test_a_subclass_that_cannot_be_made_plain_is_refused(path):
    class Metres(int):
        def __mul__(self, other):
            return Metres(int(self) * other)

        def __repr__(self):
            return "%d m" % int(self)

    class Text(str):
        def __mul__(self, other):
            return self

    db = MicroTetherDB(path)
    db.update(a=[1], b=2)
    for value in Metres(5), Text("x"):
        name = type(value).__name__
        raises(TypeError, db.__setitem__, "c", [value, ()])
        db["a"].append(value)
        assert 'db["a"][1]' in raises(TypeError, db.flush)
        db["a"].pop()
        try:
            with db.transaction():
                db["a"].append(value)
            raise AssertionError("stored " + name)
        except TypeError as error:
            assert name in str(error)
    db.flush()
    assert content(db) == after_a_crash(path) == {"a": [1], "b": 2}


def test_a_list_that_shows_less_than_it_holds_is_stored_as_it_is_walked(path):
    class Ring(list):
        def __len__(self):
            return 1

        def __getitem__(self, i):
            return "other"

    db = MicroTetherDB(path)
    db["a"] = []
    db["b"] = Ring([1, (2,), 3])
    with db.lock():
        db["a"].append(Ring([1, (2,), 3]))
    assert content(db) == after_a_crash(path) == {"a": [[1, [2], 3]], "b": [1, [2], 3]}
    db["a"].append(Ring([1, {2}]))
    assert 'db["a"][1][1]' in raises(TypeError, db.flush)
    assert after_a_crash(path) == {"a": [[1, [2], 3]], "b": [1, [2], 3]}
