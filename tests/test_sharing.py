"""A list or dict that is put into two values: each value gets its own."""

from MicroTetherDB import MicroTetherDB
from support import Oops, after_a_crash, content, no_writes, raises, start


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


def test_a_list_that_is_twice_in_a_value_becomes_two_whatever_a_block_within_reads(path):
    db = MicroTetherDB(path)
    for block in db.lock, db.transaction:
        db["a"] = {"x": ["x"], "y": ["x"]}
        with block():
            del db["a"]["y"]
            with db.transaction():
                assert db["a"] == {"x": ["x"]}
            db["a"]["y"] = db["a"]["x"]  # which makes it equal to what it was
        with db.transaction():
            db["a"]["x"].append("z")
        assert content(db) == after_a_crash(path) == {"a": {"x": ["x", "z"], "y": ["x"]}}


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
