"""Power cut at every operation of the chip, and at every operation of the recovery from that.

    micropython -X heapsize=4M tests/sweeps/cut.py [fs=lfs256|lfs32|fat]
        [first=1] [last=9999] [every=1]

The script of workload.py runs once while the chip's operations are taped; then each memory that a
cut could leave is rebuilt, and the database in it opened. It must hold what was acknowledged, or
that plus the whole of the step in flight. The recovery (open, write, close, open) is taped and cut
in the same way: after the cuts first to last, at every operation or only each every-th.
"""

import os

import workload
from chips import SIZE, device
from workload import MicroTetherDB, among, flash, read, same

PATH = "/cut/x.db"
TAPED = "/taped/x.db"


def sizes(path):
    """Return the sizes of the database's files."""
    found = []
    for name in workload.FILES:
        try:
            found.append(os.stat(path + name)[6])
        except OSError:
            found.append(0)
    return found


def record(chip, steps, states):
    """Run steps on chip; return the tape and how many operations there were after each step."""
    chip.tape = flash.Tape()
    chip.mount("/taped")
    ends = []
    seen = {"tip": 0, "spill": 0, "fold": 0}
    db = None
    was = [0] * 4
    for i, step in enumerate(steps):
        db = workload.take(step, db)
        if step[0] is not workload.close:
            assert same(read(db), states[i][0]), "uncut: wrong after " + workload.show(step)
        ends.append(chip.tape.length)
        now = sizes(TAPED)
        seen["tip"] += now[2] > was[2]
        seen["spill"] += now[1] > was[1]
        seen["fold"] += now[0] != was[0]
        was = now
    os.umount("/taped")
    assert min(seen.values()) > 2, "the script does not reach all: %r" % seen
    return chip.tape, ends


def images(tape, n, memory, image):
    """Make image each of what a cut at operation n can leave of memory, and yield how."""
    image[:] = memory
    yield flash.BEFORE
    if tape.size[n] != flash.SECTOR:
        image[:] = memory
        tape.play(n, image, 2)
        yield flash.HALF
    if tape.is_erase(n):
        image[:] = memory
        tape.play(n, image)
        yield flash.ERASED


def reopen(chip):
    chip.mount("/cut")
    return MicroTetherDB(PATH)


def recover(chip):
    """Open, write, close and open what a cut left.

    Return what was found, and the number of operations on chip after each of those four.
    """
    ends = []
    db = reopen(chip)
    try:
        found = read(db)
        ends.append(chip.operations)
        after = dict(found)
        after["after"] = db["after"] = {"cut": 1}
        ends.append(chip.operations)
        db.close()
        ends.append(chip.operations)
        db = MicroTetherDB(PATH)
        assert same(read(db), after), "not there after close: %r" % read(db)
        db.close()
        ends.append(chip.operations)
    finally:
        os.umount("/cut")
    return found, ends


def backed_up(chip):
    """What the backup that may be there holds."""
    chip.mount("/cut")
    try:
        with MicroTetherDB(PATH + ".copy") as db:
            return read(db)
    finally:
        os.umount("/cut")


class Sweep:
    def __init__(self, fs):
        self.fs = fs
        self.cuts = 0
        self.second_cuts = 0
        self.place = None
        self.tape = flash.Tape(2048, 512 * 1024)
        self.image = bytearray(SIZE)
        self.recovered = bytearray(SIZE)
        self.second_image = bytearray(SIZE)

    def first(self, allowed, second):
        """Recover from self.image, and with second from each cut of that recovery."""
        before, after = allowed
        self.recovered[:] = self.image
        chip = device(self.fs, self.recovered)
        if second:
            self.tape.rewind()
            chip.tape = self.tape
        found, ends = recover(chip)
        self.cuts += 1
        assert among(found, (before[0], after[0])), "found %r" % found
        saved = backed_up(chip)
        assert among(saved, (before[1], after[1])), "the backup holds %r" % saved
        if second:
            self.second(found, ends)

    def second(self, found, ends):
        after = dict(found)
        after["after"] = {"cut": 1}
        for m in range(ends[-1]):
            allowed = [after] if m >= ends[1] else [found] if m < ends[0] else [found, after]
            for how in images(self.tape, m, self.image, self.second_image):
                self.place = self.place[:2] + (m + 1, how)
                again, _ = recover(device(self.fs, self.second_image))
                self.second_cuts += 1
                assert among(again, allowed), "found %r" % again
            self.tape.play(m, self.image)

    def run(self, first, last, every):
        steps = workload.script(TAPED)
        states = workload.states_of(steps)
        chip = device(self.fs)
        chip.format()
        memory = bytearray(chip.memory)
        tape, ends = record(chip, steps, states)
        i = 0
        for n in range(tape.length):
            while ends[i] <= n:
                i += 1
            allowed = (states[i - 1] if i else ({}, {}), states[i])
            for how in images(tape, n, memory, self.image):
                if first <= n + 1 <= last:
                    self.place = (n + 1, how)
                    try:
                        self.first(allowed, n % every == 0)
                    except Exception as error:
                        self.report(error, steps[i])
                        raise
            tape.play(n, memory)

    def report(self, error, step):
        print("LOST on %s: cut at operation %d" % (self.fs, self.place[0]))
        print("(left %s)" % ("as before", "half done", "erased")[self.place[1]])
        if len(self.place) > 2:
            print("and again at operation %d of the recovery, left %d" % self.place[2:])
        print("in the step", workload.show(step))
        print(
            "micropython -X heapsize=4M tests/sweeps/cut.py fs=%s first=%d last=%d"
            % (self.fs, self.place[0], self.place[0])
        )


def main():
    options = workload.options(fs="lfs256", first=1, last=9999, every=1)
    sweep = Sweep(options["fs"])
    sweep.run(options["first"], options["last"], options["every"])
    print(
        "%s: %d cuts, %d second cuts, nothing lost"
        % (options["fs"], sweep.cuts, sweep.second_cuts)
    )


workload.run(main)
