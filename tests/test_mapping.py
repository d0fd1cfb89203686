from MicroTetherDB import MicroTetherDB
from support import after_a_crash, content, copied, only, raises, same


def outcome(use, mapping):
    """What use(mapping) gives: its value or its exception's type, and what is in mapping then."""
    try:
        result = use(mapping)
    except Exception as error:
        result = type(error)
    return result, {key: mapping[key] for key in mapping}


def failing_pairs():
    yield "a", 1
    raise ZeroDivisionError


USES = [
    lambda m: m["a"],
    lambda m: m["missing"],
    lambda m: m[""],
    lambda m: m[1],
    lambda m: m[None],
    lambda m: m.__setitem__("a", 2),
    lambda m: m.__setitem__("new", [1, {}]),
    lambda m: m.__delitem__("a"),
    lambda m: m.__delitem__("missing"),
    lambda m: m.__delitem__(1),
    lambda m: "a" in m,
    lambda m: "missing" in m,
    lambda m: 1 in m,
    lambda m: None in m,
    lambda m: len(m),
    lambda m: sorted(m),
    lambda m: sorted(m.keys()),
    lambda m: len(list(m.keys())),
    lambda m: "a" in m.keys(),
    lambda m: sorted(str(v) for v in m.values()),
    lambda m: [1] in m.values(),
    lambda m: sorted(str(i) for i in m.items()),
    lambda m: ("a", [1]) in m.items(),
    lambda m: sorted(key for key, value in m.items()),
    lambda m: bool(m),
    lambda m: m.get("a"),
    lambda m: m.get("missing"),
    lambda m: m.get("missing", 7),
    lambda m: m.get("null", 7),
    lambda m: m.get(1),
    lambda m: m.get(1, 7),
    lambda m: m.pop("a"),
    lambda m: m.pop("missing"),
    lambda m: m.pop("missing", 7),
    lambda m: m.pop("missing", None),
    lambda m: m.pop("a", 7),
    lambda m: m.pop("a", 7, 8),
    lambda m: m.pop(1),
    lambda m: m.pop(1, 7),
    lambda m: m.setdefault("a", 7),
    lambda m: m.setdefault("null", 7),
    lambda m: m.setdefault("new", [7]),
    lambda m: m.setdefault("new"),
    lambda m: m.update(),
    lambda m: m.update({}),
    lambda m: m.update({"a": 7, "new": 8}),
    lambda m: m.update([("a", 7), ["new", 8], "xy"]),
    lambda m: m.update(a=7, new=8),
    lambda m: m.update({"a": 7}, a=8, new=9),
    lambda m: m.update(other=1),
    lambda m: m.update(("k%d" % i, i) for i in range(3)),
    lambda m: m.update(None),
    lambda m: m.update(5),
    lambda m: m.update({}, {}),
    lambda m: m.clear(),
]


def test_each_method_does_as_a_dict_does_errors_included(path):
    start = {"a": [1], "b": {"c": 2}, "null": None, "": 0}
    db = MicroTetherDB(path)
    for number, use in enumerate(USES):
        db.clear()
        db.update(start)
        expected = outcome(use, dict(start))
        got = outcome(use, db)
        assert got == expected, (number, got, expected)
        assert after_a_crash(path) == expected[1], number


def test_popitem_takes_an_item_until_none_is_left(path):
    db = MicroTetherDB(path)
    expected = {"k%d" % i: [i] for i in range(20)}
    db.update(expected)
    while expected:
        key, value = db.popitem()
        assert expected.pop(key) == value
        assert key not in db
        assert after_a_crash(path) == expected
    assert "empty" in raises(KeyError, db.popitem)


def test_a_missing_key_is_named_by_the_error(path):
    db = MicroTetherDB(path)
    for use in (
        lambda: db["missing"],
        lambda: db.pop("missing"),
        lambda: db.__delitem__("missing"),
    ):
        assert "missing" in raises(KeyError, use)


def test_what_can_be_no_key_is_just_not_there(path):
    db = MicroTetherDB(path)
    db["1"] = 1
    for key in (1, 1.0, None, True, b"1", ("1",), ["1"], {}):
        assert key not in db
        assert db.get(key, 7) == 7
        assert db.pop(key, 7) == 7
        raises(KeyError, db.__getitem__, key)
        raises(KeyError, db.__delitem__, key)


def test_update_is_all_or_nothing(path):
    db = MicroTetherDB(path)
    db["a"] = 0
    raises(ZeroDivisionError, db.update, failing_pairs())
    raises(TypeError, db.update, [("a", 1), ("b", {2})])
    raises(ValueError, db.update, [("a", 1), ("b", 2, 3)])
    raises(TypeError, db.update, [("a", 1), 5])
    assert content(db) == after_a_crash(path) == {"a": 0}


class HasKeys:
    """What CPython's dict.update() takes for a mapping, and MicroPython's doesn't."""

    def keys(self):
        return ["k"]

    def __getitem__(self, key):
        return key + "!"


def test_update_takes_whatever_has_keys(path):
    db = MicroTetherDB(path)
    db.update(HasKeys(), a=1)
    assert content(db) == after_a_crash(path) == {"k": "k!", "a": 1}
    with MicroTetherDB("other.db") as other:
        other["b"] = [2]
        db.update(other)
        other["b"].append(3)
    assert content(db) == after_a_crash(path) == {"k": "k!", "a": 1, "b": [2]}


def test_a_loop_walks_the_keys_of_its_start_and_may_write_and_delete(path):
    db = MicroTetherDB(path)
    db.update({"k%d" % i: i for i in range(30)})
    walked = []
    for key in db:
        walked.append(key)
        del db[key]
        db["new " + key] = 1
    assert sorted(walked) == sorted("k%d" % i for i in range(30))
    assert len(db) == 30
    for key in db.keys():
        db[key] = key
    for key, value in db.items():
        assert key == value
        db.clear()
    assert len(db) == 0


def test_a_loop_over_items_skips_what_it_has_deleted(path):
    db = MicroTetherDB(path)
    db.update(a=1, b=2)
    walked = []
    for key, _ in db.items():
        walked.append(key)
        del db["b" if key == "a" else "a"]
    assert len(walked) == 1


def test_what_is_stored_is_a_copy(path):
    db = MicroTetherDB(path)
    mine = {"list": [1]}
    db["a"] = mine
    db["b"] = mine
    mine["list"].append(2)
    db["a"]["list"].append(3)
    assert content(db) == {"a": {"list": [1, 3]}, "b": {"list": [1]}}


def test_values_read_are_plain_dicts_and_lists_and_stay_the_same_object(path):
    db = MicroTetherDB(path)
    db["a"] = {"list": (1, (2,))}
    assert type(db["a"]) is dict
    assert type(db["a"]["list"]) is list
    assert db["a"] is db["a"] is db.get("a")
    assert same(db["a"], {"list": [1, [2]]})


def test_many_keys(path):
    db = MicroTetherDB(path)
    expected = {"k%d" % i: {"v": i} for i in range(600)}
    db.update(expected)
    for i in range(0, 600, 3):
        del db["k%d" % i]
        del expected["k%d" % i]
    db["k1"] = expected["k1"] = "changed"
    assert len(db) == len(expected)
    # Without a dict of them all, for which a board has no room.
    with MicroTetherDB(copied(path)) as other:
        assert db == expected and other == expected
    db.close()
    with MicroTetherDB(path) as db:
        assert db == expected


@only("cpython", "MicroPython's dicts have no order")
def test_keys_keep_the_order_of_their_insertion(path):
    db = MicroTetherDB(path)
    expected = {}
    for mapping in (db, expected):
        for key in "xaybz":
            mapping[key] = 1
        mapping["a"] = 2
        del mapping["x"]
        mapping["x"] = [3]
        mapping.setdefault("new", 4)
        mapping.popitem()
    assert list(db.items()) == list(expected.items())
    assert list(after_a_crash(path)) == list(expected)
    db.close()
    with MicroTetherDB(path) as db:
        assert list(db) == list(expected)
        assert db.popitem() == expected.popitem()


@only("cpython", "collections.abc is CPython's")
def test_it_is_a_mutable_mapping(path):
    from collections.abc import KeysView, MutableMapping

    db = MicroTetherDB(path)
    db.update(a=1, b=2)
    assert isinstance(db, MutableMapping)
    assert isinstance(db.keys(), KeysView)
    assert db.keys() & {"a", "c"} == {"a"}
    assert db == {"a": 1, "b": 2}
    assert dict(db) == {"a": 1, "b": 2}
    assert dict(**db) == {"a": 1, "b": 2}


def test_update_takes_any_keyword_for_a_key(path):
    db = MicroTetherDB(path)
    db.update(_=5, self=1, other=2)
    assert content(db) == after_a_crash(path) == {"_": 5, "self": 1, "other": 2}
    db.update(self=1, _=2, args=3, more=4, key=5)
    expected = {"self": 1, "_": 2, "other": 2, "args": 3, "more": 4, "key": 5}
    assert content(db) == after_a_crash(path) == expected
    raises(TypeError, db.update, {}, {})


def test_a_database_equals_a_dict_with_the_same_content(path):
    db = MicroTetherDB(path)
    db.update(all=[], user1={"n": 1, "tags": ["a"]})
    assert db == {"all": [], "user1": {"n": 1, "tags": ["a"]}}
    assert db != {"all": []}
    assert db != {"all": [], "user1": 1}
    assert db != {"all": [], "user2": {"n": 1, "tags": ["a"]}}
    assert db != {"all": [], "user1": {"n": 1, "tags": ["a"]}, "more": 1}
    assert db != 5
    assert same(content(db), {"all": [], "user1": {"n": 1, "tags": ["a"]}})
