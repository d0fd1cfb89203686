"""Measure how a counter wears flash: littlefs on a simulated chip that counts each block's erases.

    micropython tests/recipes/wear.py [WRITES]

Prints a table: how many erases a write of the counter takes, and how evenly they are spread.
"""

import os
import sys
from array import array

here = sys.argv[0].rsplit("/", 1)[0] if "/" in sys.argv[0] else "."
sys.path[:0] = [here + "/../..", here + "/.."]

import flash  # noqa: E402
from MicroTetherDB import MicroTetherDB  # noqa: E402

BLOCKS = 16  # a small chip, so that littlefs comes round more than once
CASES = (  # progsize, how many blocks another file fills, TIP_SIZE for that progsize
    (256, 0, 448),
    (256, 8, 448),
    (32, 0, 120),
)


class Counting(flash.Flash):
    """Flash that counts the erases of each block."""

    counts = None

    def _erase(self, block):
        if self.counts:
            self.counts[block] += 1
        return flash.Flash._erase(self, block)


def measure(prog, filled, tip, writes):
    """Return how many erases there were of each block that the database could use."""
    chip = Counting(BLOCKS * flash.ERASE, prog)
    chip.format()
    chip.mount("/wear")
    os.chdir("/wear")
    with open("other.bin", "wb") as file:
        for _ in range(filled * flash.ERASE // 512):
            file.write(bytes(512))
    free = os.statvfs("/wear")[3]
    chip.counts = array("I", [0] * BLOCKS)
    MicroTetherDB.TIP_SIZE = tip
    db = MicroTetherDB("counter.db")
    db["count"] = 0
    for _ in range(writes):
        db["count"] += 1
    db.close()
    os.chdir("/")
    os.umount("/wear")
    return sorted(chip.counts)[-free:]  # the others hold what was there before


def main(writes):
    row = "%8s  %11s  %16s  %15s  %13s"
    print(
        row % ("progsize", "free blocks", "erases per write", "of a block: mean", "of one: most")
    )
    for prog, filled, tip in CASES:
        counts = measure(prog, filled, tip, writes)
        mean = "%.0f" % (sum(counts) / len(counts))
        print(row % (prog, len(counts), "%.3f" % (sum(counts) / writes), mean, counts[-1]))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 60000)
