"""A random walk over all that one can do with a database, with power cuts on the way.

    micropython -X heapsize=4M tests/sweeps/walk.py [fs=lfs256|lfs32|fat] [steps=10000] [seed=1]

After each step memory must be as a plain dict beside it; every now and then what is on the chip is
opened too. The power is cut in the middle of some steps: then it is the state before or after.
"""

import workload
from chips import SIZE, device
from workload import Dice, MicroTetherDB, Plain, among, copy, os, read, same

PATH = "/walk/x.db"


class Walk:
    def __init__(self, fs, seed):
        self.fs = fs
        self.dice = Dice(seed)
        self.plain = Plain()
        self.chip = device(fs)
        self.chip.format()
        self.copied = bytearray(SIZE)
        self.cuts = self.looks = self.n = 0
        self.step = (workload.create, PATH)
        self.mount()

    def mount(self):
        workload.forget()
        self.chip.mount("/walk")
        self.db = MicroTetherDB(PATH)

    def restart(self):
        os.umount("/walk")
        self.chip = self.chip.restart()
        self.mount()

    def on_disk(self):
        self.copied[:] = self.chip.memory
        device(self.fs, self.copied).mount("/copy")
        try:
            with MicroTetherDB("/copy/x.db") as db:
                return read(db)
        finally:
            os.umount("/copy")

    def go(self):
        self.n += 1
        self.step = workload.random_step(self.dice, PATH)
        before = copy(self.plain.data)
        if self.dice(8) == 0:
            self.chip.cut_at = self.chip.operations + 1 + self.dice(12)
            self.chip.cut_how = self.dice(3)
        workload.take(self.step, self.plain)
        try:
            self.db = workload.take(self.step, self.db)
        except OSError:
            assert self.chip.dead, "failed without a cut"
        self.chip.cut_at = -1
        if self.chip.dead:
            self.cuts += 1
            self.restart()
            found = read(self.db)
            assert among(found, (before, self.plain.data)), "after the cut: %r" % found
            self.plain.data = found = copy(found)
        assert same(read(self.db), self.plain.data), "memory has %r" % read(self.db)
        kind = self.dice(20)
        if kind == 0:
            self.restart()  # without close()
        elif kind == 1:
            self.db.close()
            self.db = MicroTetherDB(PATH)
        elif kind < 6:
            self.looks += 1
            found = self.on_disk()
            assert same(found, self.plain.data), "the disk has %r" % found
        assert same(read(self.db), self.plain.data), "reopened: %r" % read(self.db)


def main():
    options = workload.options(fs="lfs256", steps=10000, seed=1)
    walk = Walk(options["fs"], options["seed"])
    try:
        for _ in range(options["steps"]):
            walk.go()
    except Exception:
        print("WRONG on %s: step %d," % (options["fs"], walk.n), workload.show(walk.step))
        print("should be %r" % walk.plain.data)
        print(
            "micropython -X heapsize=4M tests/sweeps/walk.py fs=%s seed=%d steps=%d"
            % (options["fs"], options["seed"], walk.n)
        )
        raise
    print(
        "%s: %d steps, %d power cuts, %d looks at the disk, all agree"
        % (options["fs"], walk.n, walk.cuts, walk.looks)
    )


workload.run(main)
