"""Values that are changed in place: each belongs to its key alone, and is what a reboot gives."""

import os

from MicroTetherDB import MicroTetherDB
from support import (
    Oops,
    after_a_crash,
    content,
    files,
    found,
    no_writes,
    only,
    raises,
    same,
    write,
)


def start(path):
    db = MicroTetherDB(path)
    db.update(all=[], user1={"n": 1, "tags": ["a"]})
    return db


def test_a_value_put_into_another_one_is_a_copy_from_the_end_of_the_block(path):
    for outside in (False, True):
        db = start(path)
        user = db["user1"]
        with db.lock():
            db["all"].append(user if outside else db["user1"])
        with db.lock():
            db["user1"]["n"] = 2
        assert content(db) == after_a_crash(path)
        assert db["all"] == [{"n": 1, "tags": ["a"]}]
        assert db["user1"]["n"] == 2
        db.close()


def test_a_shared_value_keeps_nothing_of_a_rollback(path):
    db = start(path)
    with db.transaction():
        db["all"].append(db["user1"])
    try:
        with db.transaction():
            db["user1"]["n"] = 5
            raise Oops
    except Oops:
        pass
    assert content(db) == after_a_crash(path)
    assert db["all"][0]["n"] == db["user1"]["n"] == 1


def test_a_list_that_is_twice_in_a_value_becomes_two(path):
    db = start(path)
    with db.transaction():
        tags = db["user1"]["tags"]
        db["user1"]["more"] = tags
    with db.transaction():
        db["user1"]["tags"].append("b")
    assert content(db) == after_a_crash(path)
    assert db["user1"]["more"] == ["a"]


def test_a_reference_from_before_the_block_stays_the_value(path):
    db = start(path)
    tags = db["user1"]["tags"]
    with db.lock():
        db["user1"]["n"] = 2
    tags.append("b")
    db.flush()
    assert db["user1"] == after_a_crash(path)["user1"] == {"n": 2, "tags": ["a", "b"]}


def test_reading_a_value_of_a_subclass_writes_nothing_twice(path):
    class Mine(dict):
        pass

    db = start(path)
    with db.transaction():
        db["all"].append(Mine({"x": 1}))
    assert type(db["all"][0]) is dict
    with no_writes(path), db.transaction():
        assert db["all"] == [{"x": 1}]


def test_a_bad_value_in_place_is_named_and_hinders_nothing_else(path):
    db = start(path)
    db["all"].append({1})
    assert "all" in db
    db["n"] = 1
    assert 'db["all"][0]' in raises(TypeError, db.flush)
    assert db.setdefault("n", 2) == 1
    with db.transaction():
        assert db["n"] == 1

    def read_in_a_block():
        with db.transaction():
            assert len(db["all"]) == 1

    assert 'db["all"][0]' in raises(TypeError, read_in_a_block)
    assert db.pop("all") == [{1}]
    db.flush()
    assert content(db) == after_a_crash(path) == {"user1": {"n": 1, "tags": ["a"]}, "n": 1}


def test_an_unsaved_change_is_saved_when_an_inner_block_sets_an_equal_value(path):
    db = start(path)
    db["all"].append(1)  # outside of any block
    with db.transaction():
        assert db["all"] == [1]
        with db.transaction():
            db["all"] = [1]
    assert after_a_crash(path)["all"] == [1]


def test_what_was_handed_out_in_a_block_and_changed_later_is_saved_by_close(path):
    db = start(path)
    db.flush()
    with db.lock():
        tags = db["user1"]["tags"]
    tags.append("b")
    db.close()
    assert after_a_crash(path)["user1"]["tags"] == ["a", "b"]


def test_a_change_beside_a_value_that_was_read_and_replaced_is_saved_by_close(path):
    db = start(path)
    assert db["all"] == []
    db["all"] = 1
    db.flush()
    db["user1"]["n"] = 2
    db.close()
    assert after_a_crash(path) == {"all": 1, "user1": {"n": 2, "tags": ["a"]}}


def test_equal_lists_that_became_one_are_two_after_a_flush(path):
    db = MicroTetherDB(path)
    db.update(a={"l": []}, b={"l": []})
    db.flush()
    db["b"]["l"] = db["a"]["l"]
    with no_writes(path):
        db.flush()
    with db.lock():
        db["a"]["l"].append(1)
    assert content(db) == after_a_crash(path) == {"a": {"l": [1]}, "b": {"l": []}}


def test_a_new_value_that_was_filled_with_another_is_its_own(path):
    db = start(path)
    with db.transaction():
        db["new"] = {}
        db["new"]["user"] = db["user1"]
    with db.transaction():
        db["user1"]["n"] = 9
    assert content(db) == after_a_crash(path)
    assert db["new"]["user"]["n"] == 1


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


def test_a_database_equals_a_dict_with_the_same_content(path):
    db = start(path)
    assert db == {"all": [], "user1": {"n": 1, "tags": ["a"]}}
    assert db != {"all": []}
    assert db != {"all": [], "user1": 1}
    assert db != {"all": [], "user2": {"n": 1, "tags": ["a"]}}
    assert db != {"all": [], "user1": {"n": 1, "tags": ["a"]}, "more": 1}
    assert db != 5
    assert same(content(db), {"all": [], "user1": {"n": 1, "tags": ["a"]}})


def test_keys_may_be_called_as_arguments_are(path):
    db = MicroTetherDB(path)
    db.update(self=1, _=2, args=3, more=4, key=5)
    assert (
        content(db) == after_a_crash(path) == {"self": 1, "_": 2, "args": 3, "more": 4, "key": 5}
    )


def test_an_int_of_too_many_digits_is_refused(path):
    db = MicroTetherDB(path)
    db["a"] = 10**4299
    assert "4,300 digits" in raises(ValueError, db.__setitem__, "b", 10**4300)
    assert "4,300 digits" in raises(ValueError, db.__setitem__, "b", [-(10**4300)])
    assert after_a_crash(path) == {"a": 10**4299}


def test_a_list_that_equals_the_one_it_replaces_is_a_copy_too(path):
    db = MicroTetherDB(path)
    db.update(a={"l": [0]}, b={"l": [0]})
    zero = [0]
    with db.transaction():
        for key in ("a", "b"):
            db[key]["l"] = zero
    with db.transaction():
        db["a"]["l"].append(1)
    with db.transaction():
        db["b"]["n"] = 1
    assert content(db) == after_a_crash(path) == {"a": {"l": [0, 1]}, "b": {"l": [0], "n": 1}}


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


def change_and_roll_back_a_read(db):
    """Leave {"x": 2}, unsaved, in db["a"], and let a transaction that has read it raise."""
    db["a"] = {"x": 1}
    db.flush()
    db["a"]["x"] = 2
    try:
        with db.transaction():
            assert db["a"]["x"] == 2
            raise Oops
    except Oops:
        pass


def test_a_dict_that_was_replaced_in_a_transaction_that_raised_is_in_the_next_file(path):
    db = MicroTetherDB(path)
    db["a"] = {"x": [1]}
    try:
        with db.transaction():
            db["a"] = 2
            raise Oops
    except Oops:
        pass
    db["b"] = 3
    db.flush()
    assert after_a_crash(path) == {"a": {"x": [1]}, "b": 3}
    assert db["a"] == {"x": [1]}


def test_an_unsaved_change_outlives_a_rollback_after_it(path):
    db = MicroTetherDB(path)
    change_and_roll_back_a_read(db)
    db.close()
    assert found(path, files(path)) == {"a": {"x": 2}}


def test_an_unsaved_change_that_outlived_a_rollback_is_saved_when_it_is_written_again(path):
    db = MicroTetherDB(path)
    change_and_roll_back_a_read(db)
    db["a"] = {"x": 2}
    assert content(db) == after_a_crash(path) == {"a": {"x": 2}}


@only("cpython", "MicroPython's dicts have no order")
def test_an_order_of_keys_that_was_changed_in_place_in_a_block_is_saved(path):
    db = MicroTetherDB(path)
    db["a"] = {"x": 1, "y": 2}
    db.flush()
    with db.lock():
        db["a"]["x"] = db["a"].pop("x")
    assert list(db["a"]) == list(found(path, files(path))["a"]) == ["y", "x"]


def test_a_change_is_saved_though_the_file_has_gone_meanwhile(path):
    for text in (None, b"", b"{}"):
        db = MicroTetherDB(path)
        db.update(a=[1], b=[2])
        db.flush()
        db["a"].append(2)
        if text is None:
            os.remove(path)
        else:
            write(path, text)
        db.close()
        assert found(path, files(path)) == {"a": [1, 2], "b": [2]}
        os.remove(path)


def test_a_reference_from_within_nested_blocks_stays_the_value(path):
    for fails in (False, True):
        db = MicroTetherDB(path)
        db["a"] = {"l": [1]}
        with db.lock():
            assert db["a"]["l"] == [1]
            try:
                with db.transaction():
                    db["a"]["l"].append(2)
                    if fails:
                        raise Oops
            except Oops:
                pass
            inner = db["a"]["l"]
            inner.append(3)
        inner.append(4)
        db.flush()
        expected = {"a": {"l": [1, 3, 4] if fails else [1, 2, 3, 4]}}
        assert content(db) == after_a_crash(path) == expected


def test_a_list_in_the_place_of_one_that_is_gone_is_a_copy(path):
    db = MicroTetherDB(path)
    db["a"] = {"x": [1]}
    with db.lock():
        value = db["a"]
        value.pop("x")
        mine = [2]
        value["y"] = mine
    mine.append(3)
    assert content(db) == after_a_crash(path) == {"a": {"y": [2]}}


def test_what_update_is_given_may_change_values_of_its_block(path):
    db = MicroTetherDB(path)
    db["a"] = {"x": 1}

    def pairs():
        db["a"]["x"] = 99
        yield "b", 1

    try:
        with db.transaction():
            db.update(pairs())
            raise Oops
    except Oops:
        pass
    assert content(db) == after_a_crash(path) == {"a": {"x": 1}}


def test_a_value_that_contains_itself_is_told(path):
    db = MicroTetherDB(path)
    db["a"] = {}
    db["a"]["me"] = db["a"]

    def read_in_block():
        with db.transaction():
            assert "me" in db["a"]
            db["b"] = 1

    assert 'db["a"]["me"]' in raises(ValueError, read_in_block)
    db["a"] = 1
    assert content(db) == after_a_crash(path) == {"a": 1}


def test_a_long_value_is_rolled_back_too(path):
    db = MicroTetherDB(path)
    db["a"] = {"text": "x" * 5000}
    assert len(db["a"]["text"]) == 5000
    try:
        with db.transaction():
            db["a"]["text"] = ""
            raise Oops
    except Oops:
        pass
    assert content(db) == after_a_crash(path) == {"a": {"text": "x" * 5000}}


def test_a_value_that_was_replaced_by_an_equal_one_in_place_writes_nothing(path):
    db = MicroTetherDB(path)
    db["pad"] = 3000 * "x"
    for length in (3, 200):
        db["a"] = {"readings": list(range(length))}
        mine = list(range(length))
        with no_writes(path), db.transaction():
            db["a"]["readings"] = mine
        mine.append("not the database's")
        db["b"] = length
        expected = {"pad": 3000 * "x", "a": {"readings": list(range(length))}, "b": length}
        assert content(db) == after_a_crash(path) == expected


def test_a_tuple_in_the_place_of_an_equal_list_becomes_one_and_writes_nothing(path):
    db = MicroTetherDB(path)
    db["a"] = {"l": [1, 2]}
    for block in db.transaction, db.lock:
        with no_writes(path), block():
            db["a"]["l"] = (1, 2)
        assert same(db["a"], {"l": [1, 2]})


def test_a_list_put_into_two_values_is_two_whatever_a_block_within_reads(path):
    db = MicroTetherDB(path)
    for way in ("read", "change", "set", "fail"):
        db.update(a={}, b={})
        tags = ["x"]
        with db.transaction():
            db["a"]["tags"] = tags
            db["b"]["tags"] = tags
            try:
                with db.transaction():
                    assert db["a"] == db["b"]
                    if way == "change":
                        db["a"]["n"] = 1
                    if way == "set":
                        db["a"] = {"tags": ["x"]}
                        assert db["a"]["tags"] == ["x"]
                    if way == "fail":
                        raise Oops
            except Oops:
                pass
        with db.transaction():
            db["a"]["tags"].append("y")
        tags.append("z")
        assert content(db) == after_a_crash(path), way
        assert db["a"]["tags"] == ["x", "y"] and db["b"] == {"tags": ["x"]}, way


def test_a_block_whose_inner_block_was_rolled_back_writes_nothing(path):
    db = start(path)
    with no_writes(path), db.transaction():
        assert db["user1"]["n"] == 1
        try:
            with db.transaction():
                db["user1"]["n"] = 2
                raise Oops
        except Oops:
            pass
        assert db["user1"]["n"] == 1  # read again: what is there now is its own, too
    assert content(db) == after_a_crash(path)


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


def test_what_an_update_reads_back_in_its_midst_is_rolled_back_with_it(path):
    db = MicroTetherDB(path)
    db["a"] = {"v": 0}

    def pairs():
        yield "a", {"v": 1}
        assert db["a"] == {"v": 1}
        yield "b", 1

    for fails in (True, False):
        try:
            with db.transaction():
                db.update(pairs())
                if fails:
                    raise Oops
        except Oops:
            pass
        expected = {"a": {"v": 0}} if fails else {"a": {"v": 1}, "b": 1}
        assert content(db) == after_a_crash(path) == expected


def test_what_an_update_reads_back_in_its_midst_is_its_own_too(path):
    class Config(dict):
        def __repr__(self):
            return "Config"

    db = MicroTetherDB(path)
    got = []
    mine = [1]

    def pairs():
        yield "a", {"v": 1}
        got.append(db["a"])

    with db.transaction():
        db.update(pairs())
        got[0]["config"] = Config(x=1)
        got[0]["list"] = mine
    mine.append(2)
    assert content(db) == after_a_crash(path) == {"a": {"v": 1, "config": {"x": 1}, "list": [1]}}


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


def test_a_float_or_text_that_is_kept_exactly_is_not_made_anew(path):
    db = MicroTetherDB(path)
    number = 0.5
    text = "text" * 10
    db["a"] = [[]]
    value = db["a"]
    value[0].extend((number, text))
    db.flush()  # new ones would leave a heap full of holes
    assert db["a"] is value and value[0][0] is number and value[0][1] is text


def test_a_refused_operation_leaves_what_was_read_in_its_block_the_value(path):
    def rows():
        yield "all", []
        yield "user1", 1
        raise Oops

    for kind, refused in ((TypeError, {"all": [], "user1": 1, "x": b"bytes"}), (Oops, rows())):
        db = start(path)
        with db.lock():
            all, user = db["all"], db["user1"]
            raises(kind, db.update, refused)
            assert db["all"] is all and db["user1"] is user
            all.append(1)
            user["tags"].append("b")
        assert content(db) == after_a_crash(path)
        assert db["all"] == [1] and db["user1"]["tags"] == ["a", "b"]
        db.close()


def test_a_backup_in_a_block_leaves_a_shared_list_to_the_value_it_was_in(path):
    for inner in (False, True):
        db = start(path)
        with db.lock():
            tags = db["user1"]["tags"]
            db["all"].append(tags)
            if inner:
                with db.transaction():
                    db.backup(path + ".copy")
            else:
                db.backup(path + ".copy")
            tags.append("b")
        assert db["user1"]["tags"] is tags
        assert content(db) == after_a_crash(path)
        assert content(db) == {"all": [["a"]], "user1": {"n": 1, "tags": ["a", "b"]}}
        db.close()


def test_an_inner_transaction_that_is_undone_takes_back_what_a_shared_list_got(path):
    db = MicroTetherDB(path)
    db.update(current={"money": 100}, history=[], n=0)
    with db.transaction():
        db["history"].append(db["current"])
        for block in db.lock, db.transaction:
            with block():
                try:
                    with db.transaction():
                        db["current"]["money"] -= 70
                        raise Oops
                except Oops:
                    pass
                assert content(db) == {
                    "current": {"money": 100},
                    "history": [{"money": 100}],
                    "n": 0,
                }
    assert after_a_crash(path) == content(db)
    with db.transaction():
        db["history"].append({1})
        with no_writes(path):
            message = raises(TypeError, db.transaction().__enter__)
        assert message == 'db["history"][1]: can\'t store a set'
        db["history"].pop()
        db["n"] = 1
    assert after_a_crash(path)["n"] == 1


def test_what_was_put_into_a_list_inside_stays_the_value_after_inner_blocks_and_backups(path):
    db = MicroTetherDB(path)
    for separate in (lambda: db.backup(path + "2"), lambda: db.transaction().__enter__):
        db["a"] = {"x": {}}
        with db.transaction():
            db["a"]["x"]["new"] = []
            with db.transaction():
                log = db["a"]["x"]["new"]
                log.append(1)
                with db.transaction():
                    db["other"] = 1
                separate()
                log.append(2)
            separate()
            assert db["a"]["x"]["new"] is log
            log.append(3)
        assert db["a"]["x"]["new"] == after_a_crash(path)["a"]["x"]["new"] == [1, 2, 3]


def test_a_value_set_in_an_inner_transaction_stays_the_value_after_backups(path):
    db = MicroTetherDB(path)
    db["a"] = {}
    with db.transaction():
        assert db["a"] == {}
        with db.transaction():
            db["a"] = {}
            assert db["a"] == {}
            db.backup(path + ".copy")
            db["a"]["log"] = []
            db.backup(path + ".copy")
            log = db["a"]["log"]
            log.append(1)
            db.backup(path + ".copy")
            log.append(2)
    assert content(db) == after_a_crash(path) == {"a": {"log": [1, 2]}}


def test_a_list_stays_in_the_value_it_was_read_from_after_a_backup_in_an_inner_block(path):
    for to, its in (("a", "b"), ("b", "a")):
        db = MicroTetherDB(path)
        db.update({to: {}, its: {"log": [0]}})
        with db.transaction():
            target = db[to]
            log = db[its]["log"]
            with db.transaction():
                target["copy"] = log
                db.backup(path + ".copy")
                log.append(1)
        assert content(db) == after_a_crash(path) == {to: {"copy": [0]}, its: {"log": [0, 1]}}


def test_what_is_put_into_a_value_and_read_again_after_a_transaction_within_is_saved(path):
    db = MicroTetherDB(path)
    db["user"] = {}
    with db.transaction():
        log = db["user"].setdefault("log", [])
        log.append("one")
        with db.transaction():
            db["visits"] = 1
        assert db["user"]["log"] is not log  # as README says
        db["user"]["log"].append("two")
    assert content(db) == after_a_crash(path) == {"user": {"log": ["one", "two"]}, "visits": 1}


def test_a_value_that_contained_itself_is_saved_once_it_does_not(path):
    db = MicroTetherDB(path)
    db["a"] = {}
    db["a"]["me"] = db["a"]
    with db.transaction():
        a = db["a"]
        del a["me"]
        a["x"] = 1
    assert content(db) == after_a_crash(path) == {"a": {"x": 1}}


def test_a_chain_of_many_lists_names_its_place(path):
    db = MicroTetherDB(path)
    db["a"] = []
    inner = db["a"]
    for _ in range(3000):
        inner.append([])
        inner = inner[0]
    for use in (db.flush, db.close, lambda: db.backup(path + "2")):
        assert 'db["a"][0]' in raises(ValueError, use)
    del db["a"]


@only("cpython", "MicroPython has no such methods")
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


def test_what_a_shared_list_became_a_copy_of_is_not_shared_either(path):
    db = start(path)
    shared = [1]
    pair = {"tuple": (1, 2), "list": shared, "same": shared}
    db["all"].append(pair)
    db["user1"]["pair"] = pair
    db.flush()
    with db.lock():
        for place in pair:
            db["all"][0][place].append(3)
    assert content(db) == after_a_crash(path)
    assert db["user1"]["pair"] == {"tuple": [1, 2], "list": [1], "same": [1]}


def exchange_a_key(value):
    value["m"] = value.pop("n")


def exchange_an_empty_dict_and_list(value):
    value["dict"], value["list"] = value["list"], value["dict"]


def exchange_a_list_for_a_number(value):
    value["n"], value["list"] = value["list"], value["n"]


def put_a_list_in_two_places(value):
    value["twin"] = value["list"]


def exchange_two_lists_and_change_them(value):
    value["pair"].reverse()
    value["pair"][0].append(5)
    value["pair"][1][0] = 6


def test_what_was_moved_about_in_place_is_undone(path):
    for move in (
        exchange_a_key,
        exchange_an_empty_dict_and_list,
        exchange_a_list_for_a_number,
        put_a_list_in_two_places,
        exchange_two_lists_and_change_them,
    ):
        db = MicroTetherDB(path)
        db["user1"] = {"n": 1, "dict": {}, "list": [], "twin": [], "pair": [[2], [3]]}
        before = content(db)
        try:
            with db.transaction():
                move(db["user1"])
                raise Oops
        except Oops:
            pass
        assert content(db) == after_a_crash(path) == before, move
        assert db["user1"]["list"] is not db["user1"]["twin"], move
