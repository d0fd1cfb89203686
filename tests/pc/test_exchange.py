"""A file written on one runtime is read and changed on the other, its journal included."""

import json
import random
import string

import pytest

import interpreter
import support
from MicroTetherDB import MicroTetherDB

# What MicroPython does: it checks that it finds what is expected, then makes the changes, half of
# them in a transaction and half one by one, and closes the database if it is told to.
PROGRAM = """
import json, sys
import support
with open(sys.argv[1]) as file:
    path, expected, changes, end = json.load(file)
db = support.Small(path)
assert support.same(support.content(db), expected), support.content(db)
half = len(changes) // 2
with db.transaction():
    for key, value in changes[:half]:
        db[key] = value
for key, value in changes[half:]:
    db[key] = value
if end == "close":
    db.close()
"""

VALUES = [
    None,
    True,
    0,
    -(2**70),
    2**53 + 1,
    1.5,
    0.1,
    -0.0,
    1e100,
    "",
    "\u20ac \u00e9 \u4e16 \x7f\u0080\u2028",
    "\x00\n\r\t\"'\\",
    [],
    {},
    {"": [{"\n": None}], "\u00e9": "\\u00e9"},
]


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


@pytest.mark.parametrize("end", ["close", "crash"])
@pytest.mark.parametrize("seed", range(3))
def test_they_read_what_the_other_wrote(program, tmp_path, end, seed):
    path = str(tmp_path / "my.db")
    chance = random.Random(seed)
    expected = {}
    for _ in range(4):
        db = support.Small(path)
        assert support.same(support.content(db), expected)
        for i in range(12):
            db[f"k{i % 5}"] = expected[f"k{i % 5}"] = chance.choice(VALUES)
        with db.transaction():
            del db["k1"], expected["k1"]
            db["\u20ac"] = expected["\u20ac"] = chance.random()
        if end == "close":
            db.close()
        changes = [[f"k{chance.randrange(7)}", chance.choice(VALUES)] for _ in range(20)]
        task = tmp_path / "task.json"
        text = json.dumps([path, expected, changes, end], ensure_ascii=False)
        task.write_text(text, encoding="utf-8")
        process = interpreter.run(program, task)
        assert process.returncode == 0, process.stdout + process.stderr
        expected.update(changes)
    with MicroTetherDB(path) as db:
        assert support.same(support.content(db), expected)


EMOJI = """
import sys
import support
db = support.Small(sys.argv[1])
if len(sys.argv) > 2:
    db["\U0001f600"] = ["\U0001f600", {"\U0001f600": "a\U0001f600b"}]
else:
    assert support.content(db) == {"\U0001f600": ["\U0001f600", {"\U0001f600": "a\U0001f600b"}]}
"""


def test_an_emoji_is_the_same_on_both(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(EMOJI, encoding="utf-8")
    path = str(tmp_path / "my.db")
    process = interpreter.run(program, path, "write")
    assert process.returncode == 0, process.stderr
    with MicroTetherDB(path) as db:
        expected = {"\U0001f600": ["\U0001f600", {"\U0001f600": "a\U0001f600b"}]}
        assert support.content(db) == expected
    assert json.loads((tmp_path / "my.db").read_text(encoding="utf-8")) == expected
    process = interpreter.run(program, path)
    assert process.returncode == 0, process.stderr


READS = """
import sys
from MicroTetherDB import MicroTetherDB
db = MicroTetherDB(sys.argv[1])
with db.transaction():
    assert len(db["a"]) == len(db["b"]["c"]) == 26
    assert all(db["a"][name] == ord(name) for name in db["a"])
assert db == {key: db[key] for key in db} and len(db) == 6
db.flush()
db.close()
"""


def test_what_the_other_wrote_is_not_written_again_if_it_is_only_read(tmp_path):
    """The order of a dict's keys is another there, so its text is, too."""
    path = tmp_path / "my.db"
    letters = {name: ord(name) for name in string.ascii_letters[::2]}
    db = MicroTetherDB(str(path))
    db["a"] = letters
    db["b"] = {"c": letters}
    db["long"] = "x" * 1000
    db['\b"\x7f'] = [1]  # the other escapes the first character in another way
    db["longer"] = "x" * 2000
    db["last"] = 1
    db.close()
    before = path.read_bytes(), path.stat().st_ino
    program = tmp_path / "program.py"
    program.write_text(READS)
    process = interpreter.run(program, path)
    assert process.returncode == 0, process.stdout + process.stderr
    assert (path.read_bytes(), path.stat().st_ino) == before
