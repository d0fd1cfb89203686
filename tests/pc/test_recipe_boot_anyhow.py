"""tools/examples/boot_anyhow.py: the device boots, and the broken files are there for the PC."""

import subprocess
import sys

import pytest

import interpreter
from MicroTetherDB import MicroTetherDB
from recipes import RUNTIMES, environment, run

CASES = ("data", "log", "tip", "missing", "no backup", "both")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["littlefs", "fat"])
def test_power_cuts_in_the_recovery_lose_nothing(kind, case):
    command = [interpreter.find(), "-X", "heapsize=16M", "tests/recipes/boot_cuts.py", kind, case]
    process = subprocess.run(
        command,
        cwd=interpreter.ROOT,
        env=environment(interpreter.ROOT / "tests"),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    cuts, second_cuts = (int(word) for word in process.stdout.split() if word.isdigit())
    assert cuts > 10
    assert second_cuts > 10


DAMAGED = """
import boot_anyhow as recipe

db = recipe.open_anyhow()
db.update(name="greenhouse", count=41)
{}
db["count"] = 42
db.close()
recipe.damage()
db = recipe.open_anyhow()
print(db["name"], db["count"])
db.backup(recipe.BACKUP)
db.close()
with recipe.MicroTetherDB(recipe.BACKUP) as backup:
    print(backup["name"], backup["count"])
"""


@pytest.mark.parametrize(
    "backup, found",
    [
        ("db.backup(recipe.BACKUP)", "greenhouse 41"),
        ("", "new device 0"),
        ('with open(recipe.BACKUP, "w") as file: file.write("damaged, too")', "new device 0"),
    ],
)
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_pc_saves_what_is_whole_in_the_broken_files(runtime, backup, found, tmp_path):
    lines = run(runtime, DAMAGED.format(backup), tmp_path)
    assert lines[-2:] == [found, found]
    mtdb = [sys.executable, interpreter.ROOT / "tools" / "mtdb.py"]
    lost_something = 5
    for status, *command in (
        (lost_something, "repair", "example_broken/my.db", "new.db"),
        (0, "check", "new.db"),
    ):
        done = subprocess.run([*mtdb, *command], cwd=tmp_path, timeout=60)
        assert done.returncode == status
    with MicroTetherDB(tmp_path / "new.db") as db:
        assert db["count"] == 42


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_boot_that_finds_all_well_moves_and_writes_nothing(runtime, tmp_path):
    program = "import boot_anyhow as recipe\ndb = recipe.open_anyhow()\ndb.close()"
    run(runtime, program, tmp_path)
    (file,) = (tmp_path / "example_data").iterdir()
    before = file.read_bytes(), file.stat().st_ino, file.stat().st_mtime_ns
    run(runtime, program, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["example_data"]
    assert (file.read_bytes(), file.stat().st_ino, file.stat().st_mtime_ns) == before
