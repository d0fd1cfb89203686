"""Run the behaviours of tests/ on other MicroPythons than the one that the tests come with.

    python3 tools/check.py --interpreters                   on Debian's, which it fetches
    python3 tools/check.py --interpreter PATH... [-k ...]   on those; the rest goes to pytest

It prints a table, in Markdown: what each interpreter is, and how many tests passed and failed.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import interpreter  # noqa: E402

FOLDER = ROOT / ".interpreters"
HEAD = "interpreter", "MicroPython", "bits", "bits of a float", "threads", "passed", "failed"


def fetch():
    """Fetch Debian's MicroPythons, if they aren't there; return their paths."""
    if not shutil.which("apt-get") or platform.machine() != "x86_64":
        sys.exit(
            "Debian's MicroPythons are fetched with apt-get, for x86-64. "
            "--interpreter PATH... runs the tests on those that you have."
        )
    subprocess.run([ROOT / "tests" / "fetch_interpreters.sh", FOLDER], check=True)
    return sorted(FOLDER.glob("micropython-*"))


def must_work(paths):
    for path in paths:
        interpreter.must_work(path)


def check(python, paths, pytest_args=()):
    """Run the behaviours on each interpreter, print the table, and return the exit status."""
    found = [shutil.which(path) for path in paths]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        processes = list(pool.map(lambda path: run(python, path, pytest_args), found))
    rows = [HEAD, ["---"] * 2 + ["---:"] * 5]
    passed = failed = 0
    for path, process in zip(found, processes, strict=True):
        if process.returncode:
            print(process.stdout + process.stderr)
        counts = counted(process.stdout)
        rows.append(row(path, *counts))
        passed += counts[0]
        failed += counts[1]
    for cells in rows:
        print("| " + " | ".join(map(str, cells)) + " |")
    print(f"\n{passed} passed, {failed} failed")
    return int(any(process.returncode for process in processes))  # of a killed one it is negative


def run(python, path, pytest_args):
    """Run the behaviours on one interpreter, those on CPython left out."""
    tests = sorted((ROOT / "tests").glob("test_*.py"))
    return subprocess.run(
        [python, "-m", "pytest", "-q", "--only-micropython", *pytest_args, *tests],
        cwd=ROOT,
        env=dict(os.environ, MICROPYTHON=str(Path(path).resolve())),
        capture_output=True,
        text=True,
    )


def counted(output):
    """Return how many tests passed, and how many did not, by pytest's last line."""
    counts = dict.fromkeys(("passed", "failed", "error", "errors"), 0)
    last = output.splitlines()[-1] if output else ""
    counts.update((name, int(number)) for number, name in re.findall(r"(\d+) (\w+)", last))
    return counts["passed"], counts["failed"] + counts["error"] + counts["errors"]


def row(path, passed, failed):
    about = interpreter.about(path)
    path = Path(path)
    name = path.name if path.parent == FOLDER else path
    threads = "yes" if about.has_threads else "no"
    return name, about.version, about.bits, about.float_bits, threads, passed, failed
