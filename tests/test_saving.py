import json
import os
from binascii import crc32

from MicroTetherDB import MicroTetherDB
from support import (
    Oops,
    Small,
    after_a_crash,
    compact,
    content,
    files,
    lay,
    listed,
    no_writes,
    raises,
    read,
    seal_of,
    write,
)


def test_every_plain_write_is_durable_when_it_returns(path):
    db = MicroTetherDB(path)
    writes = [
        (lambda: db.__setitem__("a", 1), {"a": 1}),
        (lambda: db.__setitem__("a", [1]), {"a": [1]}),
        (lambda: db.update(b=2, c=3), {"a": [1], "b": 2, "c": 3}),
        (lambda: db.setdefault("d", {}), {"a": [1], "b": 2, "c": 3, "d": {}}),
        (lambda: db.pop("a"), {"b": 2, "c": 3, "d": {}}),
        (lambda: db.__delitem__("b"), {"c": 3, "d": {}}),
        (lambda: db.update({"c": None}), {"c": None, "d": {}}),
        (lambda: [db.popitem(), db.popitem()], {}),
        (lambda: db.__setitem__("", ""), {"": ""}),
        (lambda: db.clear(), {}),
    ]
    for write_it, expected in writes:
        write_it()
        assert content(db) == after_a_crash(path) == expected


def test_each_of_many_writes_is_durable_through_spills_and_folds(path):
    db = Small(path)
    expected = {}
    seen = set()
    for i in range(120):
        key = "k%d" % (i * 7 % 13)
        if i % 5 == 4 and key in expected:
            del db[key], expected[key]
        else:
            db[key] = expected[key] = {"v": i, "s": "abcdefgh"}
        seen.update(files(path))
        assert content(db) == after_a_crash(path) == expected
    assert seen == {"", ".log", ".tip"}
    db.close()
    assert list(files(path)) == [""]
    assert json.loads(read(path)) == expected


def test_flush_puts_all_into_the_json_file(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    db["b"] = [2]
    db["b"].append(3)
    db.flush()
    assert json.loads(read(path)) == {"a": 1, "b": [2, 3]}
    assert list(files(path)) == [""]
    db["c"] = 4
    assert after_a_crash(path) == {"a": 1, "b": [2, 3], "c": 4}


def test_changes_in_place_are_saved_by_flush(path):
    db = MicroTetherDB(path)
    db["user1"] = {"age": 30, "tags": []}
    for change in (
        lambda user: user.update(age=31),
        lambda user: user["tags"].append("new"),
        lambda user: user.pop("age"),
        lambda user: user["tags"].append({"deep": [1]}),
        lambda user: user["tags"][1]["deep"].append(2),
    ):
        change(db["user1"])
        db.flush()
        assert after_a_crash(path) == content(db)
        with no_writes(path):
            db.flush()
    assert content(db) == {"user1": {"tags": ["new", {"deep": [1, 2]}]}}


def test_changes_in_place_are_saved_by_close(path):
    db = MicroTetherDB(path)
    db["user1"] = {"age": 30}
    db.flush()
    db["user1"]["age"] = 31
    db.close()
    with MicroTetherDB(path) as db:
        assert content(db) == {"user1": {"age": 31}}
        db["user1"]["age"] = 31.0
    with MicroTetherDB(path) as db:
        assert str(db["user1"]["age"]) == "31.0"


def test_changes_in_place_are_saved_by_the_end_of_their_block(path):
    db = MicroTetherDB(path)
    db["user1"] = {"age": 30}
    for age, block in ((31, db.transaction), (32, db.lock)):
        with block():
            db["user1"]["age"] = age
        assert after_a_crash(path) == {"user1": {"age": age}}


def test_a_changed_value_that_is_stored_again_is_saved(path):
    db = MicroTetherDB(path)
    db["a"] = [1]
    value = db["a"]
    value.append(2)
    db["a"] = value
    assert after_a_crash(path) == {"a": [1, 2]}


def test_storing_what_is_there_writes_nothing_whatever_else_was_read(path):
    db = MicroTetherDB(path)
    db.update({"k%d" % n: [n] for n in range(40)})
    db["n"] = 1
    assert len(list(db.values())) == 41
    db["k0"] = 2
    with no_writes(path):
        db["n"] = 1
        db["k0"] = 2


def test_what_changes_nothing_writes_nothing(path):
    db = MicroTetherDB(path)
    db.update({"n": 1, "f": 0.1, "s": "text", "t": True, "null": None, "d": {"a": [1]}})
    uses = [
        lambda: db.__setitem__("n", 1),
        lambda: db.__setitem__("f", 0.1),
        lambda: db.__setitem__("s", "te" + "xt"),
        lambda: db.__setitem__("t", True),
        lambda: db.__setitem__("null", None),
        lambda: db.update(n=1, s="text"),
        lambda: db.update(),
        lambda: db.update({}),
        lambda: db.setdefault("n", 2),
        lambda: db["d"]["a"],
        lambda: (content(db), list(db.values()), list(db.items()), len(db), "n" in db),
        lambda: db.get("missing"),
        lambda: db.pop("missing", None),
        lambda: raises(KeyError, db.pop, "missing"),
        lambda: raises(TypeError, db.__setitem__, "n", object()),
    ]
    with no_writes(path):
        for use in uses:
            use()
            for block in (db.transaction, db.lock):
                with block():
                    use()
        with db.transaction():
            assert db["d"]["a"] == [1]
            db["n"] = 2
            db["n"] = 1
            db["new"] = 1
            del db["new"]
            db["d"]["a"].append(2)
            db["d"]["a"].pop()
        for inner in (db.lock, db.transaction):
            with db.transaction(), inner():
                db["n"] = 2
                db["n"] = 1
                db["f"] = 0.2
                db["f"] = 0.1
                db["new"] = 1
                del db["new"]
        try:
            with db.transaction():
                db["n"] = 2
                db["d"]["a"].append(2)
                raise Oops
        except Oops:
            pass


def test_a_value_that_is_equal_but_of_another_type_is_written(path):
    db = MicroTetherDB(path)
    for value in (1, True, 1.0, "1", 1):
        db["a"] = value
        db["nested"] = [value]
        stored = after_a_crash(path)
        assert type(stored["a"]) is type(value)
        assert type(stored["nested"][0]) is type(value)


def test_setting_what_is_there_already_writes_nothing(path):
    values = {"text": "x", "number": 1, "none": None, "list": [1, [2]], "dict": {"a": {"b": []}}}
    with MicroTetherDB(path) as db:
        db.update(values)
    with MicroTetherDB(path) as db, no_writes(path):
        for key in values:
            db[key] = values[key]
        db.update(values)
        with db.transaction():
            db["dict"] = {"a": {"b": []}}
    write(path, b'{"list": [1, [2]]}')
    with MicroTetherDB(path) as db, no_writes(path):
        db["list"] = [1, [2]]
    assert read(path) == b'{"list": [1, [2]]}'


def test_setting_what_was_changed_in_place_already_is_saved(path):
    db = MicroTetherDB(path)
    for key in ["a%d" % n for n in range(40)]:  # more than are listed as lent
        db[key] = [1]
        db[key].append(2)
        db[key] = [1, 2]
        assert after_a_crash(path)[key] == [1, 2], key
    with db.lock():
        db["a1"].append(3)
        db["a1"] = [1, 2, 3]
    assert after_a_crash(path)["a1"] == [1, 2, 3]


def test_closing_and_flushing_what_is_saved_already_writes_nothing(path):
    db = MicroTetherDB(path)
    db.update({"k%d" % i: {"v": [i]} for i in range(50)})
    db.flush()
    with no_writes(path):
        db.flush()
    db.close()
    with no_writes(path), MicroTetherDB(path) as db:
        assert db["k7"] == {"v": [7]}
        db.flush()


@compact
def test_nothing_is_lost_whatever_a_checksum_happens_to_be(path):
    """One in four billion is 0, or equal to the one that it is compared with."""
    # The CRC-32 of X is 0 up to the last value; that of all of X is 0; the journal's is X's.
    before_the_end = "aaaaabbabbbaabaabbbbbbbaabaababaaaaaaaaa"
    of_all = "abbbabaababbabbbbabaaaaaabbbababaaaaaaaa"
    of_the_journal = "aaabbaaababaaababbbabbabbbaababaaaaaaaaa"
    for value in before_the_end, of_all, of_the_journal:
        with MicroTetherDB(path) as db:
            db["a"] = value
        with MicroTetherDB(path) as db:
            assert content(db) == {"a": value}
        data = read(path)
        if value == before_the_end:
            assert crc32(data[: data.find(b"\n}")]) == 0
        if value == of_all:
            assert seal_of(path) == 0
        os.remove(path)


@compact
def test_a_journal_is_stale_after_a_fold_whatever_the_checksums_happen_to_be(path):
    class Tiny(MicroTetherDB):
        TIP_SIZE = 0

    db = Tiny(path)
    db["n"] = 39 * "a"
    db.flush()
    seal = seal_of(path)
    for value in "bcde":
        db["n"] = 39 * value
    db["n"] = "aababababbaabaaabbbbbaaaabbbbbbbaaaaaaa"  # folds
    assert seal_of(path) == seal  # so the journal seems to continue this X, too
    assert content(db) == after_a_crash(path)


def test_flush_makes_a_file_that_was_lost_or_damaged_behind_its_back_anew(path):
    db = MicroTetherDB(path)
    db["a"] = [1]
    db.flush()
    good = read(path)
    for harm in (
        lambda: os.remove(path),
        lambda: write(path, b""),
        lambda: write(path, good[:-5]),
        lambda: write(path, good.replace(b"1", b"2")),
        lambda: write(path, b'{"b": 1}'),
    ):
        harm()
        db.flush()
        assert after_a_crash(path) == {"a": [1]}


def test_close_makes_a_file_that_was_damaged_behind_its_back_anew_if_it_looks_at_it(path):
    for harm in (b"", b'{\n"a":[1', b'{"b": 1}'):
        db = MicroTetherDB(path)
        db["a"] = [1]
        db.flush()
        assert db["a"] == [1]  # close() has to see whether it was changed in place
        write(path, harm)
        db.close()
        assert after_a_crash(path) == {"a": [1]}


def test_clear_on_an_empty_database_writes_nothing(path):
    db = MicroTetherDB(path)
    with no_writes(path):
        db.clear()


def test_backup_writes_the_data_to_another_json_file(path):
    db = MicroTetherDB(path)
    db["a"] = [1]
    db["b"] = "\u20ac"
    db["a"].append(2)
    before = files(path)
    db.backup("backup.db")
    assert json.loads(read("backup.db")) == {"a": [1, 2], "b": "\u20ac"}
    assert listed() == sorted(["backup.db"] + ["my.db" + end for end in before])
    assert files(path) == before
    db["c"] = 3
    assert after_a_crash(path)["c"] == 3
    db.backup("backup.db")
    with MicroTetherDB("backup.db") as backup:
        assert content(backup) == {"a": [1, 2], "b": "\u20ac", "c": 3}
        backup["d"] = 4
    assert "d" not in db


def test_a_failed_backup_leaves_the_older_one(path):
    db = MicroTetherDB(path)
    db["a"] = [1]
    db.backup("backup.db")
    older = read("backup.db")
    db["a"].append(object())
    assert 'db["a"][1]' in raises(TypeError, db.backup, "backup.db")
    assert read("backup.db") == older
    assert "backup.db.tmp" not in os.listdir()
    db["a"].pop()
    raises(OSError, db.backup, "missing/backup.db")
    os.mkdir("folder")
    raises(OSError, db.backup, "folder")
    assert content(db) == after_a_crash(path) == {"a": [1]}


def test_a_backup_does_not_overwrite_a_database_in_use(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    assert path in raises(ValueError, db.backup, path)
    with MicroTetherDB("other.db") as other:
        other["b"] = 2
        raises(ValueError, db.backup, "other.db")
        assert content(other) == {"b": 2}
    assert content(db) == after_a_crash(path) == {"a": 1}


def test_a_restored_backup_has_no_part_in_a_newer_journal(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    db.backup("backup.db")
    for writes in (1, 2, 20):
        db["a"] = 2
        db.flush()
        for n in range(writes):
            db["a"] = 3 + n
        write(path, read("backup.db"))
        db = MicroTetherDB(path)
        assert content(db) == {"a": 1}


def test_a_journal_that_was_reopened_is_gone_on_with(path):
    class Tiny(MicroTetherDB):
        TIP_SIZE = 120  # so that the log is padded, too

    db = Tiny(path)
    db.update({"k%d" % i: "x" * 40 for i in range(100)})
    folds = 0
    for i in range(60):
        before = files(path)[""]
        db = Tiny(path)
        db["k%d" % i] = i
        folds += files(path)[""] != before
    assert folds < 3
    assert len(after_a_crash(path)) == 100


def test_a_backup_has_no_part_in_a_journal_that_was_there(path):
    with MicroTetherDB("backup.db") as db:
        db["long"] = "x" * 600
        db.flush()
        db["x"] = "bad"
        stale = files(path.replace("my.db", "backup.db"))
    lay(path.replace("my.db", "backup.db"), stale)
    with MicroTetherDB(path) as db:
        db["long"] = "x" * 600
        db.backup("backup.db")
    with MicroTetherDB("backup.db") as backup:
        assert content(backup) == {"long": "x" * 600}


def test_a_backup_goes_onto_no_file_of_an_open_database(path):
    db = MicroTetherDB(path)
    db["long"] = "x" * 600
    db.flush()
    db["a"] = 1
    with MicroTetherDB("b.tmp") as other:
        other["b"] = 2
        for target in (path, path + ".tip", path + ".log", path + ".tmp", "b", "b.tmp"):
            with no_writes(path):
                assert "would share a file" in raises(ValueError, db.backup, target)
        assert content(other) == {"b": 2}
    assert content(db) == after_a_crash(path) == {"long": "x" * 600, "a": 1}


def test_a_backup_onto_a_folder_leaves_nothing_behind(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    os.mkdir("folder")
    raises(OSError, db.backup, "folder")
    assert "folder.tmp" not in os.listdir()


def test_of_a_key_that_is_twice_in_an_update_the_last_value_counts(path):
    db = MicroTetherDB(path)
    db.update([("a", 1), ("a", 2)])
    assert content(db) == after_a_crash(path) == {"a": 2}
    db.update({"a": 3}, a=4)
    assert content(db) == after_a_crash(path) == {"a": 4}


def test_an_update_may_be_given_what_the_database_itself_holds(path):
    db = MicroTetherDB(path)
    db.update(a=[1], b={"c": [2]})
    db.update((key + key, value) for key, value in db.items())
    expected = {"a": [1], "b": {"c": [2]}, "aa": [1], "bb": {"c": [2]}}
    assert content(db) == after_a_crash(path) == expected
    db["a"].append(3)
    db.flush()
    assert content(db) == after_a_crash(path) == dict(expected, a=[1, 3])


def test_what_is_put_into_a_value_that_is_then_read_again_is_a_copy(path):
    db = MicroTetherDB(path)
    for block in db.lock, db.transaction:
        db.update(a={}, b={})
        mine = [1]
        with block():
            db["a"]["mine"] = mine
            assert db["a"] == {"mine": [1]}
            db["b"]["mine"] = mine
        mine.append(2)
        with db.lock():
            db["a"]["mine"].append(3)
        assert content(db) == after_a_crash(path) == {"a": {"mine": [1, 3]}, "b": {"mine": [1]}}


def test_what_is_put_into_a_value_stays_it_while_locks_begin_and_end_in_the_block(path):
    db = MicroTetherDB(path)
    db["a"] = {}
    for block in db.lock, db.transaction:
        with block():
            log = db["a"]["log"] = []
            with db.lock():
                db["n"] = 1
            db.setdefault("m", 1)
            assert db["a"]["log"] is log
            log.append(1)
        assert content(db) == after_a_crash(path) == {"a": {"log": [1]}, "n": 1, "m": 1}


def test_a_value_that_nests_too_deep_stays_though_a_transaction_that_read_it_is_undone(path):
    db = MicroTetherDB(path)
    db.update(a={"n": 1}, b=[])
    db["a"]["me"] = db["a"]
    inner = db["b"]
    for _ in range(20):
        inner.append([])
        inner = inner[0]
    inner.append("deep")
    try:
        with db.transaction():
            assert db["a"]["n"] == 1 and len(db["b"]) == 1
            db["c"] = 1
            raise Oops
    except Oops:
        pass
    assert "c" not in db
    inner = db["b"]
    for _ in range(20):
        inner = inner[0]
    assert inner == ["deep"]
    db["b"].clear()
    del db["a"]["me"]
    db["a"]["n"] = 2
    db.flush()
    assert content(db) == after_a_crash(path) == {"a": {"n": 2}, "b": []}


def test_a_change_in_a_value_that_nests_just_too_deep_is_undone(path):
    db = MicroTetherDB(path)
    db["a"] = {"n": 1}
    deep = []
    for _ in range(15):
        deep = [deep]
    db["a"]["deep"] = deep  # 17 in all, where 16 can be stored
    try:
        with db.transaction():
            db["a"]["n"] = 2
            raise Oops
    except Oops:
        pass
    assert db["a"]["n"] == 1
    with db.lock():
        assert db["a"]["n"] == 1
    del db["a"]["deep"]
    db.flush()
    assert content(db) == after_a_crash(path) == {"a": {"n": 1}}
