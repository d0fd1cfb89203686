"""Each ```python block of README.md and of the recipes' page runs, on CPython and on MicroPython,
from an empty folder.

The blocks of a section are one program, in their order. A block in a list may be indented.
"""

import re
import subprocess
import sys
import textwrap

import pytest

import interpreter


def programs():
    """Return {section: program} of both pages."""
    found = {}
    for page in ("README.md", "tools/examples/README.md"):
        text = (interpreter.ROOT / page).read_text(encoding="utf-8")
        sections = re.split(r"(?m)^##+ (.+)$", "## Top\n" + text)[1:]
        for title, section in zip(sections[::2], sections[1::2], strict=True):
            blocks = re.findall(r"(?ms)^ *```python\n(.*?)^ *```$", section)
            if blocks:
                found[title] = "\n".join(textwrap.dedent(block) for block in blocks)
    return found


@pytest.mark.parametrize("section", programs())
@pytest.mark.parametrize("runtime", ["cpython", "micropython"])
def test_the_blocks_of_a_section_run(section, runtime, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(programs()[section], encoding="utf-8")
    folder = tmp_path / "empty"
    folder.mkdir()
    if runtime == "micropython":
        process = interpreter.run(program, cwd=folder)
    else:
        process = subprocess.run(
            [sys.executable, "-W", "error", program],
            cwd=folder,
            env={"PYTHONPATH": str(interpreter.ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert process.returncode == 0, process.stdout + process.stderr


def test_the_example_and_the_sections_of_usage_are_among_them():
    text = "".join(programs().values())
    for snippet in ("MicroTetherDB(", "with db.transaction():", "with db.lock():", "close()"):
        assert snippet in text
