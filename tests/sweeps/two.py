"""Two threads with a database each, and two more that open, take over and close one and the same.

    micropython -X heapsize=8M tests/sweeps/two.py [rounds=40] [first=0]
    python tests/sweeps/two.py [rounds=40] [first=0]

All four are on one disk: littlefs, FAT and the host's in turn, without a global lock. A database
that only one thread uses is what a plain dict is after each step. In the one that is shared all
that was acknowledged is there at the end and nothing that was refused; and none of its objects
says that it was opened again or closed, unless that can have happened.
"""

import sys

import workload
from workload import MICROPYTHON, Dice, MicroTetherDB, Plain, copy, read, same

if MICROPYTHON:
    from chips import device

STEPS = 40
OPENINGS = 12
CHIPS = ("lfs256", "fat", None, "lfs32")


class Round:
    def __init__(self, folder, number):
        self.folder = folder
        self.number = number
        self.plains = [Plain(), Plain()]
        self.begun = [0, 0]  # how often each of the two has begun to open the shared one
        self.opened = [0, 0]  # and how often it has done so
        self.acknowledged = [{}, {}]
        self.refused = [[], []]
        self.writes = 0

    def own(self, me):
        """Take random steps with a database of its own."""
        path = "%s/own%d.db" % (self.folder, me)
        dice = Dice(self.number * 4 + me)
        plain = self.plains[me]
        db = MicroTetherDB(path)
        for _ in range(STEPS):
            step = workload.random_step(dice, path)
            workload.take(step, plain)
            db = workload.take(step, db)
            found = read(db)
            assert same(found, plain.data), "after %s: %r" % (workload.show(step), found)
            if dice(10) == 0:
                db.close()
                db = MicroTetherDB(path)
        if dice(2):
            db.close()

    def share(self, me):
        """Open the shared one, write, and close it or not, again and again."""
        dice = Dice(self.number * 4 + 2 + me)
        for turn in range(OPENINGS):
            others = self.opened[1 - me]
            self.begun[me] += 1
            db = MicroTetherDB(self.folder + "/shared.db")
            self.opened[me] += 1
            try:
                for n in range(1 + dice(5)):
                    key = "%d-%d-%d" % (me, turn, n)
                    self.write(db, me, key, dice(3))
                    assert db[key]["key"] == key
                if dice(2):
                    db.close()
            except ValueError as error:
                if "opened again" not in str(error) or self.begun[1 - me] == others:
                    raise

    def write(self, db, me, key, kind):
        value = {"key": key, "n": [kind]}
        try:
            if kind == 0:
                db[key] = value
            elif kind == 1:
                db.update({key: value})
            else:
                with db.transaction():
                    db[key] = {"key": key}
                    db[key]["n"] = [kind]
        except ValueError:
            self.refused[me].append(key)
            raise
        self.acknowledged[me][key] = value

    def work(self, me):
        if me < 2:
            self.own(me)
        else:
            self.share(me - 2)

    def run(self):
        workload.in_threads(4, self.work, 120)
        workload.forget()
        self.check()

    def check(self):
        for me in range(2):
            found = read(MicroTetherDB("%s/own%d.db" % (self.folder, me)))
            assert same(found, self.plains[me].data), "own%d.db holds %r" % (me, found)
        found = copy(read(MicroTetherDB(self.folder + "/shared.db")))
        for me in range(2):
            for key in self.refused[me]:
                assert key not in found, "%s was refused, and is there" % key
            for key in self.acknowledged[me]:
                value = self.acknowledged[me][key]
                assert same(found.pop(key, None), value), "%s was lost" % key
        assert not found, "nobody has written %r" % found
        workload.forget()


def main():
    options = workload.options(rounds=40, first=0)
    folder = workload.scratch()
    written = refused = 0
    for number in range(options["first"], options["first"] + options["rounds"]):
        fs = CHIPS[number % len(CHIPS)] if MICROPYTHON else None
        if fs:
            chip = device(fs)
            chip.format()
            chip.mount("/two")
        else:
            workload.fresh(folder)
        one = Round("/two" if fs else folder, number)
        try:
            one.run()
        except BaseException:
            print("WRONG on %s: two.py first=%d rounds=1 (it may take several)" % (fs, number))
            raise
        if fs:
            workload.os.umount("/two")
        written += len(one.acknowledged[0]) + len(one.acknowledged[1])
        refused += len(one.refused[0]) + len(one.refused[1])
    assert refused
    print(
        "%s: %d rounds; of the shared one %d writes were acknowledged and kept, %d refused"
        % (sys.implementation.name, options["rounds"], written, refused)
    )


workload.run(main)
