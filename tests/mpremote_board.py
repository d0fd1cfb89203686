"""What a test does with a board by the real mpremote, whatever the board is."""

import subprocess
import sys


class Mpremote:
    """To inherit from, beside what has the port."""

    timeout = 120  # seconds of patience with a command

    def mpremote(self, *command):
        """Run an mpremote command, which must succeed; return what it prints."""
        process = subprocess.run(
            [sys.executable, "-m", "mpremote", "connect", self.port, *map(str, command)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.timeout,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    def files(self):
        """Return {name: size} of the files on the board."""
        lines = self.mpremote("fs", "--no-verbose", "ls", ":").splitlines()
        return {line[13:]: int(line[:12]) for line in lines}
