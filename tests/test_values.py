import json
from collections import OrderedDict

from MicroTetherDB import MicroTetherDB
from support import Oops, after_a_crash, content, no_writes, only, raises, read, same

SCALARS = [
    None,
    True,
    False,
    0,
    -1,
    2**30 - 1,
    2**31,
    2**53 + 1,
    -(2**63),
    2**64,
    10**40,
    0.0,
    -0.0,
    0.1,
    1 / 3,
    -1.5,
    1.0,
    1e15,
    1e16,
    1e21,
    -2.5e-7,
    1e30,
    "",
    "text",
    "\u20ac \u00e9 \u4e16\u754c",
    "\U0001f600",
    "\u0000",
    "\n",
    "\r\n\t\b\f",
    "\x01\x1f\x7f\u0080\u2028",
    '"quotes"',
    "'",
    "back\\slash \\u0041 \\n",
    "},\n{",
    '",\n"a":1}',
    "x" * 3000,
    "\u20ac" * 700,
]

NESTED = [
    [],
    {},
    [[]],
    [{}],
    {"": {}},
    {"a": []},
    SCALARS,
    {str(i): SCALARS[i] for i in range(len(SCALARS))},
    {"list": [1, [2, {"a": [3, {}]}]], "dict": {"b": {"c": None}}},
    [",\n", {",\n": ",\n"}],
]

KEYS = [key for key in SCALARS if isinstance(key, str)] + [" ", "1", "null", "__class__", "#"]
# Keys that contain what ends a key, or a line, in the files.
KEYS += [
    "\\",
    "\\\\",
    "a\\",
    'a"',
    'a\\"',
    'a\\\\"b',
    '"',
    '":',
    '",',
    '"]',
    '":{"',
    "\n}\n",
    "]",
    "[",
    "{",
]


def test_what_is_read_before_a_reboot_is_what_is_read_after_it(path):
    db = MicroTetherDB(path)
    for value in SCALARS + NESTED:
        db["a"] = value
        assert same(db["a"], after_a_crash(path)["a"]), value
        if not isinstance(value, (dict, list, float)):
            assert same(db["a"], value), value
    expected = {str(i): db.setdefault(str(i), value) for i, value in enumerate(SCALARS + NESTED)}
    expected["a"] = db["a"]
    db.close()
    with MicroTetherDB(path) as db:
        assert same(content(db), expected)


def test_any_text_is_a_key(path):
    db = MicroTetherDB(path)
    for key in KEYS:
        db[key] = {key: key}
        assert after_a_crash(path)[key] == {key: key}
    assert sorted(db) == sorted(set(KEYS))
    del db[KEYS[0]]
    assert sorted(after_a_crash(path)) == sorted(set(KEYS[1:]))
    db[KEYS[0]] = 1
    db.close()
    assert sorted(json.loads(read(path))) == sorted(set(KEYS))
    with MicroTetherDB(path) as db:
        assert sorted(db) == sorted(set(KEYS))
        for key in KEYS[1:]:
            assert db[key] == {key: key}


def test_tuples_are_lists_at_once(path):
    db = MicroTetherDB(path)
    db["a"] = (1, (2, {"b": ()}))
    assert same(db["a"], [1, [2, {"b": []}]])
    db["b"] = ()
    assert same(db["b"], [])
    with db.transaction():
        db["b"].append((1, [(2,)]))
    assert same(db["b"], [[1, [[2]]]])
    db["b"].append((3,))
    db.flush()
    assert same(db["b"], [[1, [[2]]], [3]])
    assert same(after_a_crash(path), content(db))


def test_an_ordered_dict_is_stored_as_a_dict(path):
    db = MicroTetherDB(path)
    db["a"] = OrderedDict([("x", 1), ("y", OrderedDict())])
    assert same(db["a"], {"x": 1, "y": {}})
    assert same(after_a_crash(path), content(db))


def test_floats_are_what_their_text_says(path):
    db = MicroTetherDB(path)
    for i in range(1, 200):
        db["a"] = i / 7
        assert same(db["a"], after_a_crash(path)["a"])
        assert abs(db["a"] - i / 7) <= abs(i / 7) * 1e-6
    with db.transaction():
        db["list"] = []
        db["list"].append(1 / 3)
    assert same(db["list"], after_a_crash(path)["list"])


def test_a_value_deep_enough_for_any_use(path):
    db = MicroTetherDB(path)
    value = []
    for i in range(7):
        value = [value, {"a": value}] if i < 3 else {"a": [value]}
    db["a"] = value
    assert same(after_a_crash(path)["a"], value)
    db.close()
    with MicroTetherDB(path) as db:
        assert same(db["a"], value)


def test_a_value_longer_than_any_buffer(path):
    db = MicroTetherDB(path)
    db["before"] = 1
    db["long"] = ["0123456789\u20ac" * 10 for _ in range(60)]
    db["after"] = 2
    expected = content(db)
    assert after_a_crash(path) == expected
    db.close()
    with MicroTetherDB(path) as db:
        assert content(db) == expected


@only("cpython", "subclasses of int, str and float are rare on MicroPython")
def test_values_of_subclasses_are_stored_as_what_they_extend(path):
    from collections import Counter, defaultdict, namedtuple
    from enum import IntEnum, StrEnum

    class Colour(IntEnum):
        RED = 1

    class Name(StrEnum):
        JOHN = "John"

    class Celsius(float):
        pass

    class Point(namedtuple("Point", "x y")):
        pass

    db = MicroTetherDB(path)
    db["a"] = [Colour.RED, Name.JOHN, Celsius(1.5), Point(1, 2), Counter("aa")]
    db[Name.JOHN] = defaultdict(list, {Name.JOHN: Colour.RED})
    assert same(db["a"], [1, "John", 1.5, [1, 2], {"a": 2}])
    assert same(db["John"], {"John": 1})
    assert [type(key) for key in db] == [str, str]
    assert type(next(iter(db["John"]))) is str
    assert same(after_a_crash(path), content(db))
    db["in place"] = []
    with db.transaction():
        db["in place"].append({Name.JOHN: Point(Colour.RED, Celsius(2))})
    assert same(db["in place"], [{"John": [1, 2.0]}])


@only("cpython", "boards may have floats of 32 bits")
def test_doubles_are_exact(path):
    db = MicroTetherDB(path)
    for value in (
        5e-324,
        2.2250738585072014e-308,
        1.7976931348623157e308,
        0.1 + 0.2,
        1 / 3,
        2.0**53,
    ):
        db["a"] = value
        assert db["a"] == value
        assert after_a_crash(path) == {"a": value}


def test_a_float_is_stored_as_it_reads_back_or_refused_as_a_number(path):
    db = MicroTetherDB(path)
    # Before 1.26 MicroPython writes some as a text that it reads as another, and that again.
    for value in (-8.809694132027955e170, 8.349079271334151e238, 1.7976931348623157e308, 2.5e-7):
        db["a"] = 1
        try:
            db["a"] = [[value]]
        except ValueError as error:
            assert 'db["a"][0][0]' in str(error) and "no such number" in str(error)
        assert content(db) == after_a_crash(path)


def test_what_a_value_itself_raises_is_not_taken_for_a_deep_value(path):
    class NotReady(dict):
        def items(self):
            raise RuntimeError("sensor not ready")

        def __getitem__(self, key):
            raise RuntimeError("sensor not ready")

    db = MicroTetherDB(path)
    for value in ([NotReady(t=1), (1,)], {"x": (2, NotReady(t=1))}):
        assert raises(RuntimeError, db.__setitem__, "a", value) == "sensor not ready"
    db["a"] = 1
    assert content(db) == after_a_crash(path) == {"a": 1}


def test_any_value_comes_back_that_was_replaced_or_deleted_in_a_transaction(path):
    db = MicroTetherDB(path)
    for value in SCALARS + NESTED:
        db["a"] = db["b"] = value
        for other in (None, "other", []):
            try:
                with db.transaction():
                    db["a"] = other
                    del db["b"]
                    raise Oops
            except Oops:
                pass
            assert same(db["a"], after_a_crash(path)["a"]) and same(db["a"], db["b"]), value


def test_a_value_that_is_stored_is_left_as_it_is(path):
    class Name(str):
        pass

    db = MicroTetherDB(path)
    halves = chr(0xD83D) + chr(0xDE00)
    for key in (halves, Name("name")):
        inner = {key: (1, [2])}
        value = {key: halves, "l": [inner]}
        db["a"] = value
        assert list(value["l"]) == [inner] and value["l"][0] is inner
        assert value[key] is halves and inner == {key: (1, [2])} and type(inner[key]) is tuple
        assert all(type(each) is type(key) for each in inner)


def test_a_key_of_a_subclass_is_the_str_that_it_is(path):
    class Name(str):
        def __repr__(self):
            return '"b"'

    db = MicroTetherDB(path)
    for others in (0, 100):  # with those, MicroPython looks a key up in another way
        for i in range(others):
            db["key%d" % i] = i
        db["b"] = 2
        db[Name("a")] = 1
        assert Name("a") in db and db[Name("a")] == db.get(Name("a")) == db["a"] == 1
        assert db.setdefault(Name("a"), 3) == 1 and db.setdefault(Name("c"), []) == []
        with db.lock():
            db[Name("c")].append(1)
        assert content(db) == after_a_crash(path)
        try:
            with db.transaction():
                db["a"] = 2
                del db[Name("a")]
                db["c"].append(2)
                db.pop(Name("c")).append(3)
                raise Oops
        except Oops:
            pass
        assert db["a"] == 1 and db["c"] == [1] and content(db) == after_a_crash(path)
        del db[Name("a")]
        assert db.pop(Name("c")) == [1]
        assert db["b"] == 2 and len(db) == others + 1 and content(db) == after_a_crash(path)
    db["c"] = [1]
    db.flush()
    with no_writes(path):
        assert db[Name("c")] == [1]
        db.flush()


def test_an_int_of_too_many_digits_is_refused(path):
    db = MicroTetherDB(path)
    db["a"] = 10**4299
    assert "4,300 digits" in raises(ValueError, db.__setitem__, "b", 10**4300)
    assert "4,300 digits" in raises(ValueError, db.__setitem__, "b", [-(10**4300)])
    assert after_a_crash(path) == {"a": 10**4299}
