"""What an editor and a type checker make of programs that use the library."""

import subprocess
import sys

import interpreter

PROGRAM = """
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any, assert_type

from MicroTetherDB import MicroTetherDB

MicroTetherDB.TIP_SIZE = 200
db = MicroTetherDB("my_database.db")
db["user1"] = {"name": "John", "age": 30}
db["user1"]["age"] += 1
with db.transaction() as it:
    it["count"] = it.get("count", 0) + 1
    del it["user1"]
with db.lock() as d:
    print(d["count"])
for key in db:
    print(key.upper(), db[key])
for key, value in db.items():
    print(key.upper(), value)
assert_type(iter(db), Iterator[str])
assert_type(list(db), list[str])
assert_type(sorted(db), list[str])
assert_type(dict(db), dict[str, Any])
assert_type(db.keys(), KeysView[str])
assert_type(db.values(), ValuesView[Any])
assert_type(db.items(), ItemsView[str, Any])
names: list[str] = sorted(db.keys())
total = sum(len(str(value)) for value in db.values())
db.update({"a": 1}, b=2)
db.update([("c", 3)])
db.setdefault("d", []).append(1)
name, value = db.popitem()
print(name.upper(), "a" in db, len(db), db.pop("b", None), db == {"a": 1})
db.flush()
db.backup("backup.db")
db.clear()
db.close()
with MicroTetherDB("other.db") as other:
    other["x"] = (1, 2)
"""


def check(folder, *checker):
    (folder / "MicroTetherDB.py").symlink_to(interpreter.ROOT / "MicroTetherDB.py")
    (folder / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", *checker, "program.py"]
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr


def test_typical_programs_pass_mypy_strict(tmp_path):
    check(tmp_path, "mypy", "--strict", "--no-incremental")


def test_typical_programs_pass_pyright_strict(tmp_path):
    # basedpyright is pyright in one package, node included.
    (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    check(tmp_path, "basedpyright")
