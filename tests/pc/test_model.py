"""All that one can do with a database, in any order, beside a dict: both must be the same."""

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from shutil import copyfile

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from MicroTetherDB import MicroTetherDB

KEYS = st.sampled_from(["a", "b", "c", "d", ""]) | st.text(max_size=3)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.text("x", min_size=100, max_size=300)
)
VALUES = st.recursive(
    SCALARS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(KEYS, values, max_size=3),
    max_leaves=5,
)
DICTS = st.dictionaries(KEYS, VALUES, max_size=6)
CAN_CHANGE = st.lists(SCALARS, max_size=2) | st.dictionaries(KEYS, SCALARS, max_size=2)
BAD = st.sampled_from([b"bytes", {1}, object(), float("nan"), [float("inf")], {1: 2}, "\ud800"])


def text(data):
    """The data as text: equal only where 1, 1.0 and True are told apart."""
    return json.dumps(data, sort_keys=True)


def copy(data):
    return json.loads(json.dumps(data))


def change(value, new):
    if isinstance(value, dict):
        value["changed"] = new
    else:
        value.append(new)


class Oops(Exception):
    pass


class Machine(RuleBasedStateMachine):
    runs = 0
    looks = 0  # how often both were compared

    @initialize(tip_size=st.sampled_from([0, 120, 448, 65536]))
    def create(self, tip_size):
        Machine.runs += 1
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "x.db")
        self.db = MicroTetherDB(self.path)
        self.db.TIP_SIZE = tip_size
        self.data = {}
        self.blocks = []  # the open ones: block, whether it rolls back, the data before
        self.unsaved = False  # whether there is an in-place change that no block has saved

    def open(self):
        tip_size = self.db.TIP_SIZE
        self.db = MicroTetherDB(self.path)
        self.db.TIP_SIZE = tip_size

    def teardown(self):
        if hasattr(self, "db"):
            while self.blocks:
                self.leave()
            self.reopen()
            self.same()
            self.db.close()
            self.folder.cleanup()

    def like_a_dict(self, use):
        """Call use() on both: the result, or the type of what is raised, must be the same."""
        results = []
        for mapping in (self.db, self.data):
            try:
                results.append(copy(use(mapping)))
            except KeyError:
                results.append(KeyError)
        assert results[0] == results[1]

    # The mapping

    @rule(key=KEYS, value=VALUES)
    def set(self, key, value):
        self.db[key] = value
        self.data[key] = copy(value)

    @rule(key=KEYS, value=CAN_CHANGE)
    def set_what_can_change(self, key, value):
        self.set(key, value)

    @rule(key=KEYS)
    def get(self, key):
        self.like_a_dict(lambda mapping: mapping[key])
        self.like_a_dict(lambda mapping: mapping.get(key))
        self.like_a_dict(lambda mapping: mapping.get(key, 5))
        self.like_a_dict(lambda mapping: key in mapping)

    @rule(key=KEYS)
    def delete(self, key):
        self.like_a_dict(lambda mapping: mapping.__delitem__(key))

    @rule(key=KEYS)
    def pop(self, key):
        self.like_a_dict(lambda mapping: mapping.pop(key))

    @rule(key=KEYS, default=SCALARS)
    def pop_with_a_default(self, key, default):
        self.like_a_dict(lambda mapping: mapping.pop(key, default))

    @rule()
    def popitem(self):
        if self.data:
            key, value = self.db.popitem()
            assert text(self.data.pop(key)) == text(value)
        else:
            with pytest.raises(KeyError):
                self.db.popitem()

    @rule(key=KEYS, value=VALUES)
    def setdefault(self, key, value):
        self.like_a_dict(lambda mapping: mapping.setdefault(key, copy(value)))

    @rule(new=DICTS, pairs=st.booleans())
    def update(self, new, pairs):
        self.db.update(list(new.items()) if pairs else new, more=1)
        self.data.update(copy(new), more=1)

    @rule()
    def clear(self):
        self.db.clear()
        self.data.clear()

    @rule(key=KEYS, value=BAD)
    def refuse(self, key, value):
        with pytest.raises((TypeError, ValueError)):
            self.db[key] = value
        with pytest.raises((TypeError, ValueError)):
            self.db.update({"new": 1, key: [value]})
        with pytest.raises(TypeError):
            self.db[5] = value

    @rule(new=SCALARS, which=st.integers(0, 9))
    def change_in_place(self, new, which):
        keys = sorted(key for key in self.data if isinstance(self.data[key], (dict, list)))
        if keys:
            key = keys[which % len(keys)]
            change(self.db[key], new)
            change(self.data[key], new)
            self.unsaved = self.unsaved or not self.blocks

    # Blocks

    @rule(undo=st.booleans())
    def enter(self, undo):
        block = self.db.transaction() if undo else self.db.lock()
        assert block.__enter__() is self.db
        self.blocks.append((block, undo, copy(self.data)))

    @precondition(lambda self: self.blocks)
    @rule()
    def leave(self):
        self.blocks.pop()[0].__exit__(None, None, None)

    @precondition(lambda self: self.blocks)
    @rule()
    def leave_by_an_exception(self):
        block, undo, before = self.blocks.pop()
        error = Oops()
        assert not block.__exit__(Oops, error, error.__traceback__)
        if undo:
            self.data = before

    @precondition(lambda self: not self.blocks)
    @rule(key=KEYS, value=BAD, undo=st.booleans())
    def roll_back_what_cannot_be_saved(self, key, value, undo):
        block = self.db.transaction() if undo else self.db.lock()
        with pytest.raises((TypeError, ValueError)), block:
            self.db["new"] = 1
            self.db[key] = []
            self.db[key].append(value)

    @precondition(lambda self: self.blocks)
    @rule()
    def refuse_to_close_in_a_block(self):
        with pytest.raises(ValueError):
            self.db.close()
        with pytest.raises(ValueError):
            MicroTetherDB(self.path)

    # Saving

    @rule()
    def flush(self):
        self.db.flush()
        if not self.blocks:
            self.unsaved = False
            assert text(json.loads(self.path.read_bytes())) == text(self.data)

    @precondition(lambda self: not self.blocks)
    @rule()
    def backup(self):
        path = self.path.with_name("backup.json")
        self.db.backup(path)
        assert text(json.loads(path.read_bytes())) == text(self.data)

    @precondition(lambda self: not self.blocks)
    @rule()
    def reopen(self):
        self.db.close()
        self.db.close()
        with pytest.raises(ValueError):
            len(self.db)
        assert sorted(self.path.parent.glob("x.db*")) == [self.path]
        assert text(json.loads(self.path.read_bytes())) == text(self.data)
        self.open()
        self.unsaved = False

    @precondition(lambda self: not self.blocks and not self.unsaved)
    @rule()
    def take_over(self):
        older = self.db
        self.open()
        with pytest.raises(ValueError):
            older["a"] = 1

    @precondition(lambda self: not self.unsaved)
    @rule()
    def crash(self):
        """Open a copy of the files: it has what was there before the outermost block."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("x.db", "x.db.log", "x.db.tip", "x.db.tmp"):
                with suppress(FileNotFoundError):
                    copyfile(self.path.with_name(name), Path(folder, name))
            with MicroTetherDB(Path(folder, "x.db")) as db:
                found = text(dict(db.items()))
        assert found == text(self.blocks[0][2] if self.blocks else self.data)

    @invariant()
    def same(self):
        if not self.blocks:  # reading in a block would have the database watch the value
            Machine.looks += 1
            assert text(dict(self.db.items())) == text(self.data)
            assert len(self.db) == len(list(self.db.keys())) == len(self.data)


def test_it_is_like_a_dict_whatever_is_done(record_property):
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=5000 if os.environ.get("SWEEPS") == "long" else 200,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            print_blob=True,
        ),
    )
    record_property("fault", "anything in any order, beside a plain dict (Hypothesis)")
    record_property("on", "CPython")
    tried = f"{Machine.runs} runs, compared {Machine.looks} times, the same as the dict"
    record_property("tried", tried)
    print(tried)
