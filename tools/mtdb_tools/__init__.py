"""The commands mtdb and mtdb-deploy; in a checkout tools/mtdb.py and tools/deploy.py."""

import sys

try:
    import signal
except KeyboardInterrupt:
    sys.exit(130)


def run_mtdb():
    """Run the command mtdb, and end the program."""
    _begin()
    from mtdb_tools import command, mtdb

    command.run(mtdb.main)


def run_deploy():
    """Run the command mtdb-deploy, and end the program."""
    _begin()
    from mtdb_tools import command, deploy

    command.run(deploy.main)


def _begin():
    if sys.version_info < (3, 11):  # noqa: UP036 (in a checkout it may be)
        sys.exit("Python 3.11 or newer is needed")
    # While the other modules are imported, Ctrl-C simply ends the program.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
