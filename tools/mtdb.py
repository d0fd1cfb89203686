"""Run the command mtdb from a checkout: see mtdb_tools/mtdb.py."""

import os
import sys

# Where MicroTetherDB.py is. (pathlib takes long to import, and Ctrl-C isn't caught yet.)
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from mtdb_tools import run_mtdb  # noqa: E402

run_mtdb()
