"""Of more than some 100 dicts and lists that it lends, a lock() on a board keeps no copies."""

from MicroTetherDB import MicroTetherDB
from support import Oops, after_a_crash, content, no_writes, raises, same


def many(path):
    """Return a database whose keys x0 to x9 are read when a lock() keeps no copies any more."""
    db = MicroTetherDB(path)
    for name, count in (("k", 150), ("x", 10)):
        db.update({name + str(i): {"n": i, "l": [i]} for i in range(count)})
    return db


def read_the_rest(db):
    """Read many other values first, and return the database."""
    for key in db:
        assert key[0] == "x" or db[key]
    return db


def test_a_lock_saves_what_was_changed_of_the_many_values_that_it_has_read(path):
    db = many(path)
    before = content(db)
    with db.lock():
        read_the_rest(db)["x9"]["l"].append("more")
        assert len(db["x8"]["l"]) == 1
    before["x9"]["l"].append("more")
    assert content(db) == after_a_crash(path) == before
    db["x9"]["l"].pop()
    with no_writes(path), db.lock():
        assert read_the_rest(db)["x9"]["l"] == [9]
    db.flush()
    before["x9"]["l"].pop()
    assert content(db) == after_a_crash(path) == before
    with db.lock():
        for key in read_the_rest(db):
            db[key]["n"] += 1
            db[key]["l"][0] += 1
        del db["x3"]
        db["x5"] = {"n": 6, "l": [6]}
        db["x5"]["l"].append(7)
    assert db["x9"] == {"n": 10, "l": [10]}
    assert db["k149"] == {"n": 150, "l": [150]}
    assert db["x5"] == {"n": 6, "l": [6, 7]}
    assert "x3" not in db
    assert content(db) == after_a_crash(path)


def test_many_values_that_share_a_list_each_get_their_own(path):
    db = many(path)
    with db.lock():
        read_the_rest(db)
        for i in range(9):
            db["x%d" % i]["l"].append(db["x9"]["l"])
        db["x9"]["l"].append("more")
    with db.lock():
        db["x9"]["l"].append("again")
    assert db["x0"]["l"] == [0, [9, "more"]]
    assert db["x9"]["l"] == [9, "more", "again"]
    assert content(db) == after_a_crash(path)


def test_a_list_put_into_one_of_many_values_that_has_been_set_is_a_copy(path):
    db = many(path)
    with db.lock():
        assert read_the_rest(db)["x9"]
        db["x9"] = {"l": []}
        db["x9"]["l"].append(db["x8"]["l"])
    with db.lock():
        db["x8"]["l"].append(1)
    assert content(db) == after_a_crash(path)
    assert db["x9"]["l"] == [[8]]


def test_what_only_looks_the_same_in_many_values_is_a_copy_too(path):
    db = many(path)
    db["x8"] = db["x9"]
    with db.lock():
        read_the_rest(db)["x8"]["l"] = db["x9"]["l"]
    with db.lock():
        db["x8"]["l"].append(1)
    assert content(db) == after_a_crash(path)
    assert db["x9"]["l"] == [9]


def test_what_was_changed_among_many_values_is_saved_whatever_inner_transactions_do(path):
    db = many(path)
    for fails in (False, True):
        with db.lock():
            read_the_rest(db)["x9"]["n"] += 10
            db["x8"]["l"].append(1)
            try:
                with db.transaction():
                    assert db["x8"]["l"][1] == 1
                    db["x9"]["l"].append(2)
                    db["x7"]["l"].append(2)
                    db["x6"] = 1
                    if fails:
                        raise Oops
            except Oops:
                pass
            with db.transaction():
                assert db["x7"]["l"] == [7, 2]
        assert db["x9"] == {"n": 29 if fails else 19, "l": [9, 2]}
        assert content(db) == after_a_crash(path)


def test_a_lock_that_only_reads_many_values_writes_nothing(path):
    db = many(path)
    with no_writes(path):
        for _ in range(2):
            with db.lock():
                assert read_the_rest(db)["x9"]
                with db.transaction():
                    assert read_the_rest(db)["x9"]
                assert read_the_rest(db)["x9"]
            with db.transaction(), db.lock():
                assert read_the_rest(db)["x9"]


def test_a_transaction_undoes_changes_in_many_values(path):
    db = many(path)
    before = content(db)
    try:
        with db.transaction(), db.lock():
            for value in db.values():
                value["l"].append(1)
            raise Oops
    except Oops:
        pass
    assert content(db) == after_a_crash(path) == before


def test_a_bad_value_in_one_of_many_is_named_and_what_was_set_is_undone(path):
    db = many(path)
    before = after_a_crash(path)

    def put_bad_one():
        with db.lock():
            db["new"] = 1
            read_the_rest(db)["x9"]["l"][0] = {1}

    assert 'db["x9"]["l"][0]: can\'t store a set' in raises(TypeError, put_bad_one)
    assert "new" not in db
    assert after_a_crash(path) == before
    db["x9"] = before["x9"]
    db.flush()
    assert content(db) == after_a_crash(path) == before


def test_a_value_that_contains_itself_is_told_among_many(path):
    db = many(path)
    value = db["x9"]
    value["l"].append(value)

    def read_in_a_block():
        with db.lock():
            assert read_the_rest(db)["x9"]

    for function in (read_in_a_block, db.flush):
        assert 'db["x9"]["l"]' in raises(ValueError, function)
    value["l"].pop()
    read_in_a_block()
    assert content(db) == after_a_crash(path)


def test_a_value_that_contains_itself_many_times_is_told(path):
    db = MicroTetherDB(path)
    db["a"] = []
    for block in db.lock, db.transaction:

        def change(block=block):
            with block():
                a = db["a"]
                a.extend([a] * 9)  # to walk all of it would take for ever

        assert 'db["a"][0]' in raises(ValueError, change)
        assert content(db) == after_a_crash(path) == {"a": []}


def test_a_change_in_one_of_many_values_that_could_not_be_saved_is_undone_or_saved_later(path):
    db = many(path)

    def change():
        with db.lock():
            value = read_the_rest(db)["x9"]
            value["n"] = 0
            value["l"].append({1})

    raises(TypeError, change)
    if len(db["x9"]["l"]) > 1:
        db["x9"]["l"].pop()
    with db.lock():
        assert read_the_rest(db)["x9"]["l"] == [9]
    before = content(db)
    db.close()
    db = MicroTetherDB(path)
    assert content(db) == before
    assert db["x9"]["n"] in (0, 9)


def test_a_list_put_into_one_of_many_values_is_a_copy(path):
    db = many(path)
    other = MicroTetherDB(path + "2")
    mine = [1]
    other["a"] = {"l": [2]}
    with db.lock(), other.lock():
        read_the_rest(db)["x8"]["l"] = mine
        db["x9"]["l"] = other["a"]["l"]
    mine.clear()
    with other.lock():
        other["a"]["l"].append(3)
    assert content(db) == after_a_crash(path)
    assert db["x8"]["l"] == [1] and db["x9"]["l"] == [2]


def test_what_is_put_into_one_of_many_values_is_a_copy_from_when_a_transaction_begins(path):
    db = many(path)
    mine = []
    with db.lock():
        kept = read_the_rest(db)["x8"]["l"]
        db["x9"]["mine"] = mine
        with db.transaction():
            assert db["x8"]
        mine.append("mine")
        log = db["x9"]["mine"]
        with db.transaction():
            db["n"] = 1
        log.append(1)
        kept.append(1)
        db.backup(path + ".copy")
        log.append(2)
        kept.append(2)
    log.append(3)
    kept.append(3)
    db.flush()
    assert content(db) == after_a_crash(path)
    assert db["x9"] == {"n": 9, "l": [9], "mine": [1, 2, 3]}
    assert db["x8"]["l"] == [8, 1, 2, 3]


def test_a_backup_works_though_an_inner_transaction_has_set_or_deleted_one_of_many_values(path):
    db = many(path)
    for fails in (True, False):
        with db.lock():
            assert read_the_rest(db)["x7"]["n"] == db["x8"]["n"] - 1 == db["x9"]["n"] - 2
            assert db["x6"]["n"] == 6
            try:
                with db.transaction():
                    del db["x7"]
                    db["x8"] = 8
                    db["x9"] = [9]
                    db["x6"] = None
                    db.backup(path + ".copy")
                    if fails:
                        raise Oops
            except Oops:
                pass
        assert content(db) == after_a_crash(path)
    assert db["x8"] == 8 and db["x9"] == [9] and "x7" not in db


def test_a_lock_that_reads_many_values_again_after_an_inner_rollback_writes_nothing(path):
    db = many(path)
    db["x9"] = [9, [1]]
    with no_writes(path), db.lock():
        assert read_the_rest(db)["x9"] == [9, [1]]
        try:
            with db.transaction():
                db["x9"][1].append(2)
                raise Oops
        except Oops:
            pass
        assert db["x9"] == [9, [1]]


def test_what_only_looks_the_same_in_one_of_many_values_is_refused_or_made_plain(path):
    db = many(path)
    db["x9"] = {"t": "text", "d": {"1": 2}, "l": [1, 2]}

    def change(place, value):
        with db.lock():
            read_the_rest(db)["x9"][place] = value

    assert 'db["x9"]["t"]' in raises(TypeError, change, "t", b"text")
    db["x9"]["t"] = "text"
    assert 'db["x9"]["d"]' in raises(TypeError, change, "d", {1: 2})
    db["x9"]["d"] = {"1": 2}
    change("l", (1, 2))
    assert same(db["x9"]["l"], [1, 2])


def test_a_flat_one_of_many_values_is_checked_though_an_inner_rollback_has_replaced_it(path):
    db = many(path)
    mine = []
    db["x8"] = {"n": 8}
    db["x9"] = {"n": 9}

    def undo():
        try:
            with db.transaction():
                for key in "x8", "x9":
                    db[key]["new"] = 1
                raise Oops
        except Oops:
            pass

    with no_writes(path), db.lock():
        read_the_rest(db)
        assert db["x8"] and db["x9"]
        undo()
        assert db["x8"] == {"n": 8} and db["x9"] == {"n": 9}
    with db.lock():
        read_the_rest(db)
        assert db["x8"] and db["x9"]
        undo()
        db["x8"]["mine"] = mine
    mine.append(1)
    assert content(db) == after_a_crash(path)
    assert db["x8"] == {"n": 8, "mine": []}


def test_one_of_many_values_is_checked_though_an_inner_block_has_put_a_copy_in_its_place(path):
    db = many(path)
    db["x9"] = {"n": 9}

    def read_and_roll_back():
        assert read_the_rest(db)["x9"]
        try:
            with db.transaction():
                db["x9"]["more"] = 1
                raise Oops
        except Oops:
            return db["x9"]

    def change(value):
        with db.lock():
            read_and_roll_back()["l"] = value

    with no_writes(path), db.lock():
        read_and_roll_back()
    assert 'db["x9"]["l"]: can\'t store a set' in raises(TypeError, change, {1})
    db["x9"].pop("l", None)
    mine = []
    change(mine)
    mine.append(1)
    assert content(db) == after_a_crash(path)


def test_what_an_inner_block_has_undone_in_one_of_many_values_stays_undone(path):
    db = many(path)
    db["x8"] = {"n": 8}
    before = content(db)

    def change():
        with db.lock():
            assert read_the_rest(db)["x8"] and db["x9"]
            try:
                with db.transaction():
                    db["x8"]["more"] = 1
                    db["x9"]["l"].append(1)
                    del db["x7"]
                    raise Oops
            except Oops:
                db["bad"] = 1
                db["x0"]["l"] = {1}

    raises(TypeError, change)
    db["x0"]["l"] = [0]
    assert content(db) == before == after_a_crash(path)


def test_one_of_many_values_that_was_set_after_it_was_read_is_put_back_if_that_fails(path):
    db = many(path)
    before = content(db)

    def change():
        with db.lock():
            assert read_the_rest(db)["x8"] and db["x9"]
            db["x8"] = 8
            del db["x9"]
            db["new"] = 1
            db["k0"]["l"] = {1}

    assert 'db["k0"]["l"]' in raises(TypeError, change)
    db["k0"]["l"] = [0]
    assert content(db) == before == after_a_crash(path)


def test_what_is_put_into_a_flat_one_of_many_values_stays_the_value_after_a_transaction(path):
    db = many(path)
    db["x9"] = {"n": 9}
    with db.lock():
        read_the_rest(db)["x9"]["log"] = []
        with db.transaction():
            db["n"] = 1
        log = db["x9"]["log"]
        with db.transaction():
            db["n"] = 2
        log.append(1)
    assert content(db) == after_a_crash(path)
    assert db["x9"] == {"n": 9, "log": [1]}


def test_a_value_read_beside_many_that_were_set_is_undone_if_the_lock_cannot_be_saved(path):
    db = MicroTetherDB(path)
    before = {"v": [[i] for i in range(8)]}
    db.update(before)

    def change():
        with db.lock():
            for i in range(100):
                db["k" + str(i)] = i
            db["v"][0].append(1)
            db["v"][1].append({1})

    assert "can't store a set" in raises(TypeError, change)
    assert content(db) == after_a_crash(path) == before
