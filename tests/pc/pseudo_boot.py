"""What a pseudo-board does when it gets power: mount its flash, as a board's firmware does.

    micropython -i pseudo_boot.py IMAGE littlefs|fat prompt|main CUT_AT

The flash's memory is kept in the file IMAGE too, so that it outlives the interpreter. The chip's
operation number CUT_AT, if it comes so far, takes the power.
"""

import os
import sys

import flash

image, kind, what, cut_at = sys.argv[1:]
parent = flash.Card if kind == "fat" else flash.Flash


class Kept(parent):
    """A flash chip or card that keeps its memory in a file, and takes the board down with it."""

    def writeblocks(self, block, buf, off=0):
        result = parent.writeblocks(self, block, buf, off)
        self.keep(block * self.unit + off, buf)
        return result

    def ioctl(self, op, arg):
        result = parent.ioctl(self, op, arg)
        if op == 6:
            self.keep(arg * self.unit, ERASED)
        return result

    def keep(self, at, data):
        if self.dead:  # half of data is in the memory, or none
            file.seek(0)
            file.write(self.memory)
            os.system("kill -9 $PPID")
        file.seek(at)
        file.write(data)


ERASED = b"\xff" * flash.ERASE
blank = not os.stat(image)[6]
file = open(image, "r+b")  # noqa: SIM115  (stays open)
flash.board = Kept(memory=None if blank else bytearray(file.read()))
if blank:
    flash.board.format()
    file.seek(0)
    file.write(flash.board.memory)
flash.vfs.umount("/")
flash.board.mount("/")
os.chdir("/")
sys.path[:] = ["", ".frozen", "/lib"]
sys.argv[:] = []
flash.board.cut_at = flash.board.operations + int(cut_at)
flash.board.cut_how = flash.HALF
if what == "main" and "main.py" in os.listdir():
    with open("main.py") as program:
        code = program.read()
    print("main.py")
    exec(code, {"__name__": "__main__"})
