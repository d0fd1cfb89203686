"""A board for mpremote: the real MicroPython with a flash of its own, behind a pseudo-terminal.

    with PseudoBoard(folder) as board:
        subprocess.run([sys.executable, "-m", "mpremote", "connect", board.port, "ls"])

Two pairs of pseudo-terminals, joined by a thread that copies, stand for the cable: mpremote opens
one, MicroPython's REPL has the other. Ctrl-C stops a program, a soft reset starts the interpreter
anew, and what is on the flash stays there until the folder is removed. Where the interpreter dies
(see pseudo_boot.py), the cable is dead too, as when the plug is pulled.
"""

import contextlib
import os
import select
import signal
import subprocess
import termios
import threading
import time
import tty
from pathlib import Path

import interpreter
from mpremote_board import Mpremote

RUNS = termios.IEXTEN  # a mode that the REPL's prompt takes away, but a running program has


class PseudoBoard:
    """port is the device's name for mpremote; it is another one each time the board has power."""

    def __init__(self, folder, file_system="littlefs", heap="1M", cut_at=0):
        self.image = Path(folder) / "flash.img"
        self.image.touch()
        self.file_system = file_system
        self.heap = heap
        self.cut_at = cut_at  # which of the flash's operations, from its start on, loses power
        self._pc_end = None
        self.power_on()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.power_off()
        os.close(self._pc_end)

    def power_on(self):
        """Start the board, its main.py too; return when its prompt is there or main.py runs."""
        if self._pc_end is not None:
            os.close(self._pc_end)
        self.pc, self._pc_end = os.openpty()
        tty.setraw(self._pc_end)
        self.port = os.ttyname(self._pc_end)
        self._start("main")
        self._thread = threading.Thread(target=self._copy, daemon=True)
        self._thread.start()

    def power_off(self):
        """Pull the plug."""
        self._process.kill()
        self.wait_for_power_cut()

    def wait_for_power_cut(self, timeout=30):
        self._thread.join(timeout)
        assert not self._thread.is_alive(), "the board is still running"

    def _start(self, what):
        self._board, end = os.openpty()
        tty.setraw(end)
        mode = termios.tcgetattr(end)
        mode[3] |= RUNS
        termios.tcsetattr(end, termios.TCSANOW, mode)
        boot = Path(__file__).with_name("pseudo_boot.py")
        self._process = subprocess.Popen(
            [interpreter.find(), "-X", f"heapsize={self.heap}", "-i", boot]
            + [self.image, self.file_system, what, str(self.cut_at)],
            stdin=end,
            stdout=end,
            stderr=end,
            env=dict(os.environ, MICROPYPATH=f"{interpreter.ROOT / 'tests'}:.frozen"),
        )
        os.close(end)
        data = b""
        while not data.endswith((b">>> ", b"main.py")):
            data += os.read(self._board, 1)
        assert b"Traceback" not in data, data.decode()

    def _copy(self):
        said = b""  # the last that the board said
        with contextlib.suppress(OSError):  # a plug was pulled
            while True:
                ready = select.select([self.pc, self._board], [], [])[0]
                if self.pc in ready:
                    self._to_board(os.read(self.pc, 4096))
                if self._board in ready:
                    try:
                        data = os.read(self._board, 4096)
                    except OSError:  # its process has ended
                        self._restart(raw=said.endswith(b"OK\r\n"))
                        continue
                    said = (said + data)[-4:]
                    os.write(self.pc, data)
        os.close(self._board)
        os.close(self.pc)  # the other end stays open, so that nothing else gets the port's name

    def _to_board(self, data):
        if data.startswith(b"\r\x03") and self._runs():  # how mpremote stops a program
            data = data[2:]
            self._process.send_signal(signal.SIGINT)
            while self._runs():  # the prompt begins by throwing away what came before
                time.sleep(0.001)
        os.write(self._board, data)

    def _runs(self):
        return termios.tcgetattr(self._board)[3] & RUNS

    def _restart(self, raw):
        """A soft reset, if the interpreter has ended by itself."""
        if self._process.wait():
            raise OSError
        os.close(self._board)
        os.write(self.pc, b"MPY: soft reboot\r\n")
        self._start("prompt" if raw else "main")
        if raw:  # as on a board, the raw REPL stays on
            os.write(self._board, b"\x01")


class Board(Mpremote, PseudoBoard):
    """A pseudo-board that a test talks to by mpremote."""
