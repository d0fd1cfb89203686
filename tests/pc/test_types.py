"""What an editor and a type checker make of programs that use the library."""

import subprocess
import sys

import interpreter

PROGRAM = """
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


def test_typical_programs_pass_mypy_strict(tmp_path):
    (tmp_path / "MicroTetherDB.py").symlink_to(interpreter.ROOT / "MicroTetherDB.py")
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "program.py"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout
