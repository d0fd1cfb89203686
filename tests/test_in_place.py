"""Values that are changed in place: what is read is what a reboot gives."""

import os

from MicroTetherDB import MicroTetherDB
from support import (
    Oops,
    after_a_crash,
    content,
    files,
    found,
    no_writes,
    raises,
    same,
    start,
    write,
)


def test_a_reference_from_before_the_block_stays_the_value(path):
    db = start(path)
    tags = db["user1"]["tags"]
    with db.lock():
        db["user1"]["n"] = 2
    tags.append("b")
    db.flush()
    assert db["user1"] == after_a_crash(path)["user1"] == {"n": 2, "tags": ["a", "b"]}


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


def test_a_block_whose_inner_block_was_rolled_back_writes_nothing(path):
    db = start(path)
    for reads_again in (True, False):
        with no_writes(path), db.transaction():
            assert db["user1"]["n"] == 1
            try:
                with db.transaction():
                    db["user1"]["n"] = 2
                    db["user1"]["tags"].append("b")
                    raise Oops
            except Oops:
                pass
            if reads_again:
                assert db["user1"]["n"] == 1  # what is there now is its own, too
        assert content(db) == after_a_crash(path)


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


def test_a_backup_works_though_an_inner_transaction_has_set_what_was_read_to_none(path):
    db = MicroTetherDB(path)
    for block in db.lock, db.transaction:
        db["a"] = [1]
        with block():
            assert db["a"] == [1]
            with db.transaction():
                db["a"] = None
                db.backup(path + ".copy")
        assert content(db) == after_a_crash(path) == {"a": None}


def test_a_backup_works_though_an_inner_transaction_has_deleted_what_was_new(path):
    db = MicroTetherDB(path)
    with db.transaction():
        db["a"] = [1]
        db["a"].append(2)
        with db.transaction():
            del db["a"]
            db.backup(path + ".copy")
    assert content(db) == after_a_crash(path) == {}


def test_what_an_inner_block_was_undone_with_is_checked(path):
    db = start(path)
    for bad in (float("nan"), {5: 6}, b"bytes"):
        for step in (
            lambda: db.pop("user1"),
            lambda: db.__setitem__("user1", 2),
            lambda: db["user1"].update(new=2),
        ):
            before = after_a_crash(path)
            try:
                with db.transaction():
                    user = db["user1"]
                    try:
                        with db.transaction():
                            user["n"] = bad
                            step()
                            raise Oops
                    except Oops:
                        pass
                raise AssertionError("it was saved: %r" % bad)
            except (TypeError, ValueError) as error:
                assert 'db["user1"]["n"]' in str(error)
            assert same(content(db), before) and same(after_a_crash(path), before)


class Prefixed(MicroTetherDB):
    """A subclass that hides how its keys are stored."""

    def __iter__(self):
        return (key[1:] for key in MicroTetherDB.__iter__(self))

    def __contains__(self, key):
        return MicroTetherDB.__contains__(self, "_" + key)

    def __getitem__(self, key):
        return MicroTetherDB.__getitem__(self, "_" + key)

    def get(self, key, default=None):
        return MicroTetherDB.get(self, "_" + key, default)

    def __setitem__(self, key, value):
        MicroTetherDB.__setitem__(self, "_" + key, value)


def test_a_subclass_with_keys_of_its_own_loses_no_change_in_many_values(path):
    db = Prefixed(path)
    for i in range(40):
        db["k%d" % i] = [i]
    db.flush()
    for key in db:
        assert len(db[key]) == 1
    db["k5"].append("flushed")
    db.flush()
    assert after_a_crash(path)["_k5"] == [5, "flushed"]
    value = db["k7"]
    value.append("set")
    db["k7"] = value
    assert after_a_crash(path)["_k7"] == [7, "set"]
    db.flush()
    with no_writes(path):
        db.flush()
    db["k9"].append("closed")
    db.close()
    assert after_a_crash(path)["_k9"] == [9, "closed"]


def test_a_subclass_with_keys_of_its_own_deletes_and_sets_defaults(path):
    class Whole(Prefixed):
        def __delitem__(self, key):
            MicroTetherDB.__delitem__(self, "_" + key)

        def pop(self, key, default=None):
            value = self[key]
            del self[key]
            return value

        def setdefault(self, key, default=None):
            return MicroTetherDB.setdefault(self, "_" + key, default)

    db = Whole(path)
    assert db.setdefault("a", [1]) == db["a"] == [1]
    with db.lock():
        db.setdefault("a", 3).append(2)
    db["b"] = 2
    del db["b"]
    raises(KeyError, db.__delitem__, "b")
    db["c"] = 3
    assert db.pop("c") == 3
    assert after_a_crash(path) == {"_a": [1, 2]}
    db.clear()
    assert after_a_crash(path) == {}
