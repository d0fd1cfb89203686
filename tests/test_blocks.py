import gc

from MicroTetherDB import MicroTetherDB
from support import Oops, after_a_crash, content, files, no_writes, only, raises


def data():
    return {"user1": {"name": "John", "tags": ["a", ["b"]]}, "user2": 2, "n": 0}


def start(path):
    db = MicroTetherDB(path)
    db.update(data())
    return db


def test_a_block_reaches_the_disk_at_its_end_as_one(path):
    for name in ("transaction", "lock"):
        db = start(path)
        with getattr(db, name)():
            db["new"] = 1
            db["user1"]["tags"][1].append("c")
            del db["user2"]
            assert db["new"] == 1
            assert "user2" not in db
            assert after_a_crash(path) == data()
        expected = {"user1": {"name": "John", "tags": ["a", ["b", "c"]]}, "n": 0, "new": 1}
        assert content(db) == after_a_crash(path) == expected
        db.clear()


def test_as_gives_the_database(path):
    db = MicroTetherDB(path)
    with db.transaction() as it:
        assert it is db
        with db.lock() as it:
            assert it is db


def change_all(db):
    db["user1"]["tags"][1].append("c")
    db["user1"]["name"] = "Jane"
    db["user1"]["more"] = {}
    del db["user1"]["tags"][0]
    del db["user2"]
    db["n"] += 1
    db["new"] = {"a": 1}
    db["new"]["a"] = 2


def test_a_transaction_that_raises_leaves_everything_as_it_was(path):
    db = start(path)
    for kind in (Oops, KeyboardInterrupt, MemoryError, KeyError):
        with no_writes(path):
            try:
                with db.transaction():
                    change_all(db)
                    raise kind("mine")
            except BaseException as error:
                assert type(error) is kind
                assert error.args == ("mine",)
        assert content(db) == data()
        assert after_a_crash(path) == data()
    db["n"] = 5
    assert content(db) == after_a_crash(path) == dict(data(), n=5)


def take_all_memory(held):
    """Fill the heap with what held holds, until MemoryError."""
    size = 8192
    while True:
        try:
            while True:
                held[0] = [held[0], bytearray(size)]
        except MemoryError:
            if size == 1:
                raise
            size //= 2


def give_back(held):
    """Let go of all that held holds: link by link, since MicroPython may find a forgotten pointer
    to one of them, which would keep all."""
    while held[0]:
        link = held[0]
        held[0] = link[0]
        link.clear()


@only("host littlefs fat", "CPython's heap is all of the PC's memory")
def test_a_block_in_which_the_memory_runs_out_ends(path):
    db = start(path)
    for block in db.transaction, db.lock:
        held = [None]
        try:
            with block():
                db["n"] = 1
                db["user1"]["tags"][1].append("c")
                take_all_memory(held)
        except MemoryError:
            give_back(held)
        gc.collect()
        assert content(db) == after_a_crash(path) == data()  # lock() too: it can't save
        db["new"] = 1  # the lock is free, and what is stored is on the disk
        assert after_a_crash(path)["new"] == 1
        del db["new"]


def test_a_lock_that_raises_keeps_and_saves_what_was_done(path):
    db = start(path)
    try:
        with db.lock():
            change_all(db)
            raise Oops
    except Oops:
        pass
    expected = {
        "user1": {"name": "Jane", "tags": [["b", "c"]], "more": {}},
        "n": 1,
        "new": {"a": 2},
    }
    assert content(db) == after_a_crash(path) == expected


def test_an_error_that_is_falsy_is_an_error(path):
    class Errors(Exception):
        def __len__(self):
            return 0

    def items():
        yield "n", 2
        raise Errors

    def change():
        db["n"] = 1
        db["user1"]["tags"].append("c")
        raise Errors

    db = start(path)
    for name in ("transaction", "update"):
        try:
            if name == "update":
                db.update(items())
            else:
                with db.transaction():
                    change()
            raise AssertionError("Errors was not raised")
        except Errors:
            pass
        assert content(db) == after_a_crash(path) == data(), name


def test_stop_iteration_leaves_a_block_as_any_exception_does(path):
    def stop():
        raise StopIteration(1)

    class Odd:
        def keys(self):
            return ["a", "b"]

        def __getitem__(self, key):
            return 2 if key == "a" else stop()

    db = start(path)
    for name in ("transaction", "lock"):
        error = None
        try:
            with getattr(db, name)():
                db["n"] = name
                stop()
        except StopIteration as stopped:
            error = stopped
        assert error.args == (1,)
        assert content(db)["n"] == after_a_crash(path)["n"] == (name if name == "lock" else 0)
    raises(StopIteration, db.update, Odd())
    assert content(db) == after_a_crash(path) == dict(data(), n="lock")


def test_a_deleted_key_comes_back(path):
    db = start(path)
    ways = [
        lambda: db.__delitem__("user1"),
        lambda: db.pop("user1"),
        lambda: [db.popitem() for _ in range(len(db))],
        lambda: db.clear(),
    ]
    for way in ways:
        try:
            with db.transaction():
                way()
                assert "user1" not in db
                raise Oops
        except Oops:
            pass
        assert content(db) == after_a_crash(path) == data()


def test_a_value_taken_out_and_changed_comes_back_unchanged(path):
    db = start(path)
    try:
        with db.transaction():
            user = db.pop("user1")
            user["tags"].append("c")
            db["copy"] = user
            raise Oops
    except Oops:
        pass
    assert content(db) == data()


def ways_to_read(db):
    return [
        lambda: db["a"],
        lambda: db.get("a"),
        lambda: db.setdefault("a", []),
        lambda: list(db.values())[0],
        lambda: list(db.items())[0][1],
    ]


def test_whatever_way_a_value_is_read_its_changes_belong_to_the_block(path):
    db = MicroTetherDB(path)
    db["a"] = []
    expected = []
    for read in ways_to_read(db):
        with db.transaction():
            read().append(len(expected))
        expected.append(len(expected))
        assert content(db) == after_a_crash(path) == {"a": expected}
        try:
            with db.transaction():
                read().append("gone")
                raise Oops
        except Oops:
            pass
        assert content(db) == after_a_crash(path) == {"a": expected}


def test_an_inner_transaction_rolls_back_alone(path):
    db = start(path)
    with db.transaction():
        db["user1"]["tags"].append("outer")
        db["n"] = 1
        del db["user2"]
        db["by outer"] = [1]
        try:
            with db.transaction():
                db["user1"]["tags"].append("inner")
                db["n"] = 2
                db["user2"] = "back"
                db["by outer"].append(2)
                db["by inner"] = 1
                raise Oops
        except Oops:
            pass
        db["user1"]["tags"].append("outer again")
    expected = {
        "user1": {"name": "John", "tags": ["a", ["b"], "outer", "outer again"]},
        "n": 1,
        "by outer": [1],
    }
    assert content(db) == after_a_crash(path) == expected


def test_an_outer_transaction_rolls_back_what_an_inner_block_has_done(path):
    db = start(path)
    for inner in (db.transaction, db.lock):
        try:
            with db.transaction():
                with inner():
                    change_all(db)
                assert after_a_crash(path) == data()
                raise Oops
        except Oops:
            pass
        assert content(db) == after_a_crash(path) == data()


def test_a_lock_within_a_transaction_keeps_what_was_done_until_that_one_ends(path):
    db = start(path)
    with db.transaction():
        try:
            with db.lock():
                db["n"] = 1
                raise Oops
        except Oops:
            pass
        assert db["n"] == 1
    assert after_a_crash(path)["n"] == 1


def test_a_transaction_within_a_lock_rolls_back_alone(path):
    db = start(path)
    try:
        with db.lock():
            db["n"] = 1
            db["user1"]["tags"].append("kept")
            try:
                with db.transaction():
                    db["n"] = 2
                    db["user1"]["tags"].append("gone")
                    raise Oops
            except Oops:
                pass
            assert db["n"] == 1
            raise Oops
    except Oops:
        pass
    expected = {"user1": {"name": "John", "tags": ["a", ["b"], "kept"]}, "user2": 2, "n": 1}
    assert content(db) == after_a_crash(path) == expected


def test_blocks_nest_deep(path):
    db = MicroTetherDB(path)

    def nest(depth):
        if depth:
            with (db.transaction if depth % 2 else db.lock)():
                db[str(depth)] = depth
                nest(depth - 1)

    nest(12)
    assert content(db) == after_a_crash(path) == {str(i): i for i in range(1, 13)}


def test_changes_in_place_made_before_the_block_are_not_rolled_back(path):
    db = start(path)
    db["user1"]["tags"].append("before")
    try:
        with db.transaction():
            db["user1"]["tags"].append("in the block")
            raise Oops
    except Oops:
        pass
    assert db["user1"]["tags"] == ["a", ["b"], "before"]
    db.flush()
    assert after_a_crash(path) == content(db)


def test_a_value_changed_in_place_and_then_replaced(path):
    db = MicroTetherDB(path)
    db["a"] = [1]
    with db.transaction():
        db["a"].append(2)
        db["a"] = [1]
    assert content(db) == after_a_crash(path) == {"a": [1]}
    db["a"].append(2)
    db["a"] = [1, 2]
    assert content(db) == after_a_crash(path) == {"a": [1, 2]}
    try:
        with db.transaction():
            db["a"].append(3)
            db["a"] = "new"
            raise Oops
    except Oops:
        pass
    assert content(db) == after_a_crash(path) == {"a": [1, 2]}


def test_flush_in_a_block_leaves_the_saving_to_its_end(path):
    db = start(path)
    try:
        with db.transaction():
            db["n"] = 1
            with no_writes(path):
                db.flush()
            assert after_a_crash(path) == data()
            raise Oops
    except Oops:
        pass
    assert content(db) == after_a_crash(path) == data()


def test_a_block_that_was_never_entered_does_nothing(path):
    db = start(path)
    db.transaction()
    db.lock()
    db["n"] = 1
    assert after_a_crash(path)["n"] == 1


def test_a_block_of_a_closed_database_leaves_no_lock_behind(path):
    db = start(path)
    db.close()
    for _ in range(3):
        raises(ValueError, db.lock().__enter__)
        raises(ValueError, db.transaction().__enter__)
    db.close()
    db = MicroTetherDB(path)
    with db.lock():
        db["n"] = 1
    assert after_a_crash(path)["n"] == 1


def test_one_batch_holds_a_block(path):
    db = start(path)
    db.TIP_SIZE = 448  # an ESP32's tip is shorter than this batch, which would then be a fold
    db.flush()
    with db.transaction():
        change_all(db)
    last = (files(path).get(".tip") or files(path)[".log"]).strip().split(b"\n")
    assert [line[-9:-8] for line in last] == [b"+"] * (len(last) - 1) + [b" "]


def test_whether_a_key_is_there_copies_nothing(path):
    db = start(path)
    db["bad"] = []
    db["bad"].append({1})  # which a block that had read it could not save
    with db.transaction():
        assert "bad" in db
        assert "missing" not in db
        assert 1 not in db
    del db["bad"]
    assert "bad" not in db
