"""Writes until it is killed; every write that was done is told on the standard output.

micropython|python tests/sweeps/child.py path=... first=N  for SIGKILL: prints each step's N
    crowded=1  (MicroPython) spends most of its time collecting garbage
micropython|python tests/sweeps/child.py path=... interrupt=1  for SIGINT: prints "ready",
    and "fine" after each interrupt that left memory, disk and lock as they have to be
"""

import gc

import workload
from workload import Dice, MicroTetherDB, Plain, copy, copy_files, elsewhere, read, same

crowd = []  # so many objects that a collection takes long


def write(path, first):
    db = MicroTetherDB(path)
    n = first
    while True:
        db = workload.take(workload.random_step(Dice(n), path, True), db)
        workload.tell(n)
        n += 1


class Interrupted:
    def __init__(self, path):
        self.path = path
        self.db = MicroTetherDB(path)
        self.before = self.after = copy(read(self.db))
        self.n = 0

    def write(self):
        while True:
            self.n += 1
            step = workload.random_step(Dice(self.n), self.path, True)
            plain = Plain(copy(self.before))
            workload.take(step, plain)
            self.after = plain.data
            self.db = workload.take(step, self.db)
            self.before = self.after

    def check(self):
        try:
            found = copy(elsewhere(read, self.db))
        except ValueError:  # interrupted when the new database had just taken over
            self.db = MicroTetherDB(self.path)
            found = copy(elsewhere(read, self.db))
        assert same(found, self.before) or same(found, self.after), "memory has %r" % found
        assert same(self.on_disk(), found), "the disk has %r" % self.on_disk()
        self.db["next"] = self.n
        found["next"] = self.n
        assert same(self.on_disk(), found), "after the next write: %r" % self.on_disk()
        self.before = self.after = found

    def on_disk(self):
        folder = self.path + "-copied"
        copy_files(self.path, folder)
        with MicroTetherDB(folder + "/" + self.path.split("/")[-1]) as db:
            return read(db)

    def run(self):
        while True:
            try:
                workload.tell("ready")
                self.write()
            except KeyboardInterrupt:
                pass
            # Not in the except clause: a block that CPython hasn't ended goes with the exception.
            self.check()
            workload.tell("fine")


def main():
    options = workload.options(path="", first=0, interrupt=0, crowded=0)
    if options["crowded"]:
        crowd.extend([[[n], str(n)] for n in range(5000)])
        gc.threshold(10000)
    MicroTetherDB.TIP_SIZE = 448
    if options["interrupt"]:
        Interrupted(options["path"]).run()
    else:
        write(options["path"], options["first"])


workload.run(main)
