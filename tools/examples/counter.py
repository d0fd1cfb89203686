"""A counter that survives a reboot and a power cut, and how many years the flash lasts with it.

mpremote run tools/examples/counter.py      on a board that has MicroTetherDB
python tools/examples/counter.py            on a PC, in a checkout

Flash wears out by being erased. How often a write of the counter erases a block is measured, and
how evenly littlefs spreads that over the free blocks: it moves on from a block after 100 erases.
Both come from a simulated chip that counts (tests/recipes/wear.py). That a block lasts 100,000
erases is what the makers of the chips say. The years follow from that; no chip was worn out.
"""

import os
import sys

try:
    from MicroTetherDB import MicroTetherDB
except ImportError:  # on a PC: two folders up
    sys.path.append((sys.path[0] or ".") + "/../..")
    from MicroTetherDB import MicroTetherDB

FILE = "example_counter.db"
ERASES_PER_WRITE = 0.17  # measured: 0.13 to 0.17 on a Pico's flash, 0.04 on an ESP32's
UNEVEN = 1.7  # measured: the most worn block has up to 1.67 times the erases of the mean
ERASES_OF_A_BLOCK = 100000
BLOCK = 4096  # bytes
YEAR = 365.25 * 24 * 3600  # seconds
INTERVALS = (("second", 1), ("minute", 60), ("hour", 3600))


def years(free_blocks, seconds):
    """How long the flash lasts if the counter is written every so many seconds."""
    writes = free_blocks * ERASES_OF_A_BLOCK / (ERASES_PER_WRITE * UNEVEN)
    return writes * seconds / YEAR


def free_blocks():
    """How many blocks of this board's flash are free; on a PC, of an empty Pico's."""
    if sys.platform in ("linux", "darwin", "win32"):
        return 348
    size, _, _, free = os.statvfs(os.getcwd())[:4]
    return free * size // BLOCK


def print_years():
    print("Years that the flash lasts, if the counter is written every")
    print("%11s" % "free blocks", *["%9s" % name for name, _ in INTERVALS])
    for blocks in sorted({10, 100, free_blocks()}):
        print("%11d" % blocks, *["%9.1f" % years(blocks, seconds) for _, seconds in INTERVALS])


def main():
    db = MicroTetherDB(FILE)
    for _ in range(10):
        db["count"] = db.get("count", 0) + 1  # on the flash when this line is done
    print("Counted:", db["count"])

    db = MicroTetherDB(FILE)  # a reboot: nobody closed it, the power just went
    db["count"] += 1
    print("After a reboot and one more:", db["count"])
    print_years()
    db.close()
    os.remove(FILE)


if __name__ == "__main__":
    main()
