"""A flash chip or an SD card in RAM, for VfsLfs2 and VfsFat: it counts, and its power can be cut.

Runs on MicroPython only, since only there are the real file systems. Its callbacks allocate
nothing: a file's finaliser may call them while the heap is locked.
"""

import os
import sys
from array import array

try:
    import vfs
except ImportError:  # before 1.23
    vfs = os

ERASE = 4096  # bytes erased at once
SECTOR = 512  # bytes of an SD card's sector

BEFORE = 0  # how the operation that the power cut hits is left: not begun,
HALF = 1  # half done,
ERASED = 2  # or all ones

# Firmware before 1.24 looks at no result of a card's functions, only at what they raise.
_ONLY_RAISED = sys.implementation.version < (1, 24)
_EIO = OSError(5)

_NATIVE = """
@micropython.viper
def move(to: ptr8, to_at: int, source: ptr8, at: int, size: int):
    i = 0
    while i < size:
        to[to_at + i] = source[at + i]
        i += 1

@micropython.viper
def fill(to: ptr8, at: int, size: int):
    i = 0
    while i < size:
        to[at + i] = 255
        i += 1
"""

_PLAIN = """
def move(to, to_at, source, at, size):
    for i in range(size):
        to[to_at + i] = source[at + i]

def fill(to, at, size):
    for i in range(size):
        to[at + i] = 255
"""

_code = {}
try:
    exec("import micropython\n" + _NATIVE, _code)
except SyntaxError:  # a port that has no compiler to machine code
    exec(_PLAIN, _code)
move = _code["move"]
fill = _code["fill"]


class Tape:
    """What a chip was told to do, so that its memory can be rebuilt as of any operation."""

    def __init__(self, operations=8192, room=1 << 20):
        self.place = array("I", [0] * operations)
        self.size = array("I", [0] * operations)
        self.start = array("I", [0] * operations)
        self.data = bytearray(room)
        self.rewind()

    def rewind(self):
        self.length = 0  # operations
        self.used = 0  # bytes of data

    def note(self, place, size, data=None, at=0):
        n = self.length
        self.place[n] = place
        self.size[n] = size
        self.start[n] = self.used
        if data is None:
            fill(self.data, self.used, size)
        else:
            move(self.data, self.used, data, at, size)
        self.used += size
        self.length = n + 1

    def play(self, n, memory, part=1):
        """Do operation n, the first is 0, on memory: all of it or, if part is 2, half of it."""
        move(memory, self.place[n], self.data, self.start[n], self.size[n] // part)

    def is_erase(self, n):
        return self.size[n] == ERASE


class Flash:
    """Flash memory as the ports give it to littlefs: bytes are programmed, blocks are erased."""

    unit = ERASE

    def __init__(self, size=256 * 1024, prog=256, memory=None):
        self.memory = memory or bytearray(size)
        if memory is None:
            fill(self.memory, 0, len(self.memory))
        self.prog = prog
        self.erases = 0
        self.programmed = 0  # bytes
        self.reads = 0  # calls
        self.operations = 0  # erases and programs, whichever
        self.tape = None
        self.cut_at = -1  # the number of the operation that loses its power
        self.cut_how = BEFORE
        self.dead = False

    def restart(self):
        """The same memory, powered again. What still holds the old one can't write to it."""
        self.dead = True
        return type(self)(prog=self.prog, memory=self.memory)

    def _cut(self):
        self.operations += 1
        if self.operations == self.cut_at:
            self.dead = True
        return self.dead

    def _fail(self):
        return -5

    def readblocks(self, block, buf, off=0):
        if self.dead:
            return self._fail()
        self.reads += 1
        move(buf, 0, self.memory, block * self.unit + off, len(buf))
        return 0

    def writeblocks(self, block, buf, off=0):
        if self.dead:
            return -5
        size = len(buf)
        at = block * ERASE + off
        if self._cut():
            if self.cut_how == HALF:
                move(self.memory, at, buf, 0, size // 2)
            return -5
        self.programmed += size
        if self.tape is not None:
            self.tape.note(at, size, buf)
        move(self.memory, at, buf, 0, size)
        return 0

    def _erase(self, block):
        if self.dead:
            return -5
        if self._cut():
            if self.cut_how == ERASED:
                fill(self.memory, block * ERASE, ERASE)
            elif self.cut_how == HALF:
                fill(self.memory, block * ERASE, ERASE // 2)
            return -5
        self.erases += 1
        if self.tape is not None:
            self.tape.note(block * ERASE, ERASE)
        fill(self.memory, block * ERASE, ERASE)
        return 0

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.memory) // self.unit
        if op == 5:
            return self.unit
        if op == 6:
            return self._erase(arg)
        return 0

    def format(self):
        vfs.VfsLfs2.mkfs(self, progsize=self.prog)

    def mount(self, at):
        vfs.mount(vfs.VfsLfs2(self, progsize=self.prog), at)


class Card(Flash):
    """An SD card as FAT sees it: whole sectors are written, each in one go."""

    unit = SECTOR

    def _fail(self):
        if _ONLY_RAISED:
            raise _EIO
        return -5

    def writeblocks(self, block, buf, off=0):
        at = 0
        while at < len(buf):
            if self.dead or self._cut():
                return self._fail()
            self.programmed += SECTOR
            if self.tape is not None:
                self.tape.note(block * SECTOR + at, SECTOR, buf, at)
            move(self.memory, block * SECTOR + at, buf, at, SECTOR)
            at += SECTOR
        return 0

    def format(self):
        vfs.VfsFat.mkfs(self)

    def mount(self, at):
        vfs.mount(vfs.VfsFat(self), at)
