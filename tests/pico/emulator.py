"""A Raspberry Pi Pico with the real firmware of MicroPython, in an emulator: see pico.mjs.

python3 tools/check.py --pico       builds it once, in the folder .pico, and runs these tests too
"""

import contextlib
import json
import os
import shutil
import struct
import subprocess
import threading
import tty
from pathlib import Path

import interpreter
from mpremote_board import Mpremote

FOLDER = interpreter.ROOT / ".pico"
HERE = Path(__file__).parent
IS_BUILT = (FOLDER / "firmware.bin").exists()
HOW_TO_BUILD = "python3 tools/check.py --pico builds the emulated Pico that this needs"
ENVIRONMENT = dict(os.environ, PICO=str(FOLDER))
# Node's compiler and garbage collector run on threads of their own: how fast a run is then depends
# on when they get their turn, and at the end of the process the main thread and they may wait for
# each other for ever (in Node 20). On one thread neither can be.
NODE = ["node", "--single-threaded"]
LAST_WORDS = 2000  # so many characters
FLASH = 0x10000000  # where the processor sees them
RAM = 0x20000000


def must_be_firmware(file):
    """End the program unless that is a .uf2 or .bin file with firmware of a Pico."""
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise SystemExit(f"{file}: {error.strerror}")
    if not is_firmware(data):
        raise SystemExit(f"{file} is no firmware of a Pico (RP2040)")


def is_firmware(data):
    """By the first block of a .uf2, or by what a .bin starts from: its stack and its code."""
    if len(data) < 512:
        return False
    magic, _, _, address, _, _, _, family = struct.unpack_from("<8I", data)
    if magic == 0x0A324655:
        return address == FLASH and family == 0xE48BFF56  # RP2040
    stack, code = struct.unpack_from("<2I", data, 256)
    return RAM < stack <= RAM + 264 * 1024 and FLASH < code < FLASH + (2 << 20)


def build(firmware=None):
    """Build what is missing. firmware: a .uf2 or .bin to use instead of one built here."""
    if not IS_BUILT:
        if not shutil.which("apt-get") or os.geteuid():
            raise SystemExit(
                "The emulated Pico is built from Debian's packages: that takes a Debian, and root."
                " Without --pico all other tests run."
            )
        subprocess.run([HERE / "build.sh", FOLDER], check=True)
    if firmware:
        shutil.copy(firmware, FOLDER / "firmware.bin")


class Run:
    """A program's run as main.py: what it printed, and the counts of run.mjs."""

    def __init__(self, program, *files, timeout=600, **options):
        """files are FILE or FILE=NAME; options those of run.mjs; timeout is in seconds."""
        command = [*NODE, HERE / "run.mjs"]
        for name, value in options.items():
            command += [f"--{name}", *map(str, value if isinstance(value, tuple) else (value,))]
        try:
            process = subprocess.run(
                [*command, program, *files],
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            why = f"The emulated Pico has not ended within {timeout} s."
            raise RuntimeError(with_last_words(why, error.stderr)) from None
        if process.returncode:
            why = f"The emulator has ended with status {process.returncode}."
            raise RuntimeError(with_last_words(why, process.stderr))
        self.output = process.stdout.decode()
        for name, value in json.loads(process.stderr.splitlines()[-1]).items():
            setattr(self, name, value)
        assert "Traceback" not in self.output, self.output


def with_last_words(why, said):
    """Return the sentence why, and what the board has said last."""
    said = (said or b"").decode(errors="replace").replace("\r\n", "\n")
    return f"{why} The board has said last:\n{said[-LAST_WORDS:]}"


class Pico(Mpremote):
    """A Pico on a serial port; its flash is kept in a file while it has no power."""

    timeout = 1500

    def __init__(self, folder):
        self.flash = Path(folder) / "flash.bin"
        self._end = None
        self.power_on()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.power_off()
        os.close(self._end)

    def power_on(self):
        """Start it, its main.py too."""
        if self._end is not None:
            os.close(self._end)
        self.pc, self._end = os.openpty()
        tty.setraw(self._end)
        self.port = os.ttyname(self._end)
        self._process = subprocess.Popen(
            [*NODE, HERE / "serial.mjs", self.flash],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stderr.readline() == b"ready\n", self._process.stderr.read()
        cable = (
            (self._process.stdout.fileno(), self.pc),
            (self.pc, self._process.stdin.fileno()),
        )
        self._threads = [threading.Thread(target=copy, args=ends, daemon=True) for ends in cable]
        for thread in self._threads:
            thread.start()

    def power_off(self):
        """Pull the plug, if it isn't."""
        if self._process.returncode is not None:
            return
        os.close(self._end)
        self._threads[1].join()
        self._process.stdin.close()
        self._process.wait(30)
        self._threads[0].join()
        # One end stays open, so that nothing else gets the port's name.
        self._end = os.open(self.port, os.O_RDWR | os.O_NOCTTY)
        os.close(self.pc)
        self._process.stdout.close()
        self._process.stderr.close()


def copy(source, target):
    with contextlib.suppress(OSError):  # the plug was pulled
        while data := os.read(source, 4096):
            os.write(target, data)
