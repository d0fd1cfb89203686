"""Make the files of a release: python3 tools/release.py FOLDER

MicroTetherDB.py            the source, for any board or PC
MicroTetherDB.mpy           compiled, for all boards with MicroPython 1.19 or newer
microtetherdb-*.whl, .tar.gz    for pip

A .mpy is for one version of the bytecode. Firmware from 1.19 on reads version 6; what differs
between 6.0 and 6.3 is machine code, and there is none in it. For 1.12 to 1.18 tools/deploy.py
makes one, or takes the source. The dependency group `test` has what this needs.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))
from mtdb_tools.cable import how_to_install, run_module  # noqa: E402
from mtdb_tools.command import sentence  # noqa: E402
from mtdb_tools.deploy import compile_module  # noqa: E402

BYTECODE = 6


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="an empty or new folder")
    folder = parser.parse_args().folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            sys.exit(f"release: {folder} is not empty")
        # All of it or, if that fails, nothing: so that it can be tried again.
        with tempfile.TemporaryDirectory() as scratch:
            make(Path(scratch))
            copy_all(Path(scratch), folder)
    except FileExistsError:
        sys.exit(f"release: {folder} is no folder")
    except OSError as error:
        sys.exit(f"release: {sentence(error)}")
    for file in sorted(folder.iterdir()):
        print(f"{file}: {file.stat().st_size:,} bytes")


def copy_all(scratch, folder):
    try:
        for file in scratch.iterdir():
            shutil.copy(file, folder)
    except OSError:
        for file in folder.iterdir():
            file.unlink()
        raise


def make(folder):
    shutil.copy(ROOT / "MicroTetherDB.py", folder)
    if not compile_module(BYTECODE, folder):
        fail("mpy-cross", "has failed")
    built = run_module("hatchling", "build", "--directory", str(folder), cwd=ROOT)
    if built.returncode:
        said = " ".join((built.stdout + built.stderr).split())
        fail("hatchling", f"has failed: {said}")


def fail(package, what):
    sys.exit(f"release: {package} {what}. Is it installed? {how_to_install(package)}")


if __name__ == "__main__":
    main()
