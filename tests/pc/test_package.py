"""`pip install .` gives a PC the module, and nothing else."""

import email
import re
import subprocess
import sys

import pytest

import interpreter
import MicroTetherDB


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that the package is installed into."""
    folder = tmp_path_factory.mktemp("installed")
    # The build backend is the test group's: nothing is fetched here.
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        + ["--no-build-isolation", "--no-deps", "--target", folder, interpreter.ROOT],
        check=True,
    )
    return folder


def test_the_module_can_be_imported(installed, tmp_path):
    program = "import MicroTetherDB as m; print(m.__version__, m.__file__)"
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    version, file = process.stdout.split()
    assert version == MicroTetherDB.__version__
    assert file == str(installed / "MicroTetherDB.py")


def test_the_module_is_all_there_is(installed):
    names = {path.name for path in installed.iterdir()} - {"__pycache__"}
    names = {re.sub("-.+", "", name.lower()) for name in names}
    assert names == {"microtetherdb.py", "microtetherdb"}


def test_its_metadata(installed):
    [info] = installed.glob("*.dist-info")
    metadata = email.message_from_string((info / "METADATA").read_text(encoding="utf-8"))
    assert metadata["Name"] == "MicroTetherDB"
    assert metadata["Version"] == MicroTetherDB.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Requires-Dist"] is None
    assert "MicroTetherDB contributors" in (info / "licenses" / "LICENSE").read_text()
