"""The ROM partition of a board: a module in it runs where it lies, and its code takes no RAM.

deploy.py --romfs uses it. Boards that have one say so to `mpremote romfs query`.
"""

import ast
import tempfile
from pathlib import Path

from mtdb_tools.cable import run_module
from mtdb_tools.command import Trouble

LOOK = """
import os
try:
    import vfs
    count = vfs.rom_ioctl(1)
except (ImportError, AttributeError):
    count = 0
try:
    names = os.listdir('/rom')
except OSError:
    names = []
print((count, names))
"""
MODULE = "MicroTetherDB"
OURS = {MODULE + ".py", MODULE + ".mpy"}


def build(file, image):
    """Make image, a file, a ROM file system that holds a copy of file, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / file.name).write_bytes(file.read_bytes())
        options = ["--no-mpy", "--output", str(image)]
        finished = run_module("mpremote", "romfs", *options, "build", folder)
    if finished.returncode:
        raise Trouble(f"mpremote could not build a ROM image: {finished.stderr.strip()}")


def put(board, file):
    """Put the module, a .mpy or .py file, into the board's ROM partition. Return its path there.

    Raises Trouble if there is no such partition, or if it holds anything else, which would be
    lost.
    """
    count, names = ast.literal_eval(board.do("exec", LOOK))
    if count <= 0:
        raise Trouble("this board's firmware has no ROM partition: leave out --romfs")
    others = sorted(set(names) - OURS)
    if others:
        raise Trouble(
            f"the board's ROM holds {', '.join(others)}, too, which would be lost: put "
            f"{file.name} beside them in a folder, and run `mpremote romfs deploy FOLDER`"
        )
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "rom.romfs"
        build(file, image)
        board.do("romfs", "deploy", str(image))
    return "/rom/" + file.name
