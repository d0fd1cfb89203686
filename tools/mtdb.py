"""Run the command mtdb from a checkout: see mtdb_tools/mtdb.py."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))  # where MicroTetherDB.py is
from mtdb_tools import run_mtdb  # noqa: E402

run_mtdb()
