"""Make the table of tests/README.md: what was tried, how often, on what, and what came of it.

    python tests/sweeps/table.py            as CI tries it, ten minutes or so
    SWEEPS=long python tests/sweeps/table.py        at every place, some hours

It runs the sweeps and the other tests that try faults with pytest, in .venv, and puts what each
has recorded (record_property: fault, on, tried) into the table. If one fails, nothing is changed.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
README = ROOT / "tests" / "README.md"
TESTS = [
    "tests/pc/test_sweeps.py::test_sweep",
    "tests/pc/test_killed.py",
    "tests/pc/test_model.py",
    "tests/pico/test_power_cuts.py",
]
END = "<!-- end -->"
PLACE = r"<!-- made by: [^\n]*table\.py -->.*?" + END


def beginning():
    long = "SWEEPS=long " if os.environ.get("SWEEPS") == "long" else ""
    return f"<!-- made by: {long}python tests/sweeps/table.py -->"


def run_tests():
    """Run the tests; return what each has recorded, {name: value}, in their order."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        # xunit1 is the one that has what record_property() records.
        options = ["-q", "-o", "junit_family=xunit1", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *options, *TESTS]
        status = subprocess.run(command, cwd=ROOT).returncode
        if status:
            sys.exit(status)
        return [
            {each.get("name"): each.get("value") for each in case.iter("property")}
            for case in ET.parse(report).iter("testcase")
        ]


def table(recorded):
    """Return the table's lines. A fault that is tried on several is told once."""
    lines = ["| fault | on | tried, and what came of it |", "| --- | --- | --- |"]
    fault = ""
    for row in recorded:
        if "tried" in row:
            tried = re.sub(r"\d{4,}", lambda match: f"{int(match[0]):,}", row["tried"])
            told = "" if row["fault"] == fault else row["fault"]
            fault = row["fault"]
            lines.append(f"| {told} | {row['on']} | {tried} |")
    return "\n".join(lines)


def rows(text):
    """Return the (fault, on) of each row of the table in the README's text."""
    found = []
    fault = ""
    for line in re.search(PLACE, text, re.DOTALL)[0].splitlines()[3:-1]:
        _, told, on, _, _ = line.split("|")
        fault = told.strip() or fault
        found.append((fault, on.strip()))
    return found


def put(text, new):
    """Return the text of the README with a new table in the place of the old one."""
    text, count = re.subn(PLACE, lambda _: f"{beginning()}\n{new}\n{END}", text, flags=re.DOTALL)
    if count != 1:
        sys.exit(f"{README} has {count} places for the table (to {END}): not one")
    return text


def main():
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    new = table(run_tests())
    README.write_text(put(README.read_text(encoding="utf-8"), new), encoding="utf-8")
    print(new)


if __name__ == "__main__":
    main()
