"""Run the command mtdb-deploy from a checkout: see mtdb_tools/deploy.py."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))  # where MicroTetherDB.py is
from mtdb_tools import run_deploy  # noqa: E402

run_deploy()
