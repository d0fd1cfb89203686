"""What runs on the emulated Pico while the host sends Ctrl-C, each time at a random moment of an
operation or right after it. Memory and disk must agree then, and the next write must work."""

import time

import machine

import workload
from MicroTetherDB import MicroTetherDB
from workload import Dice, Plain, among, copy, random_step, read, same

PATH = "/x.db"
ASK_FOR_CTRL_C = 0x50900004
RANDOM = 0x5090000C
STRIKES = 100
SHORTEST, LONGER = 4000, 5  # the moment is within 4 ms, 8, 16, 32 or 64: a fold takes that long


class Struck:
    def __init__(self):
        self.db = MicroTetherDB(PATH)
        self.dice = Dice(machine.mem32[RANDOM])
        self.allowed = [{}]  # what the database may hold: before the step, and after it
        self.inside = 0  # strikes in an operation

    def next_step(self):
        step = random_step(self.dice, PATH, True)
        while step[0] is workload.create:
            step = random_step(self.dice, PATH, True)
        return step

    def work(self, number):
        """Take steps until Ctrl-C comes."""
        within = SHORTEST << number % LONGER
        while True:
            step = self.next_step()
            before = self.allowed[-1]
            after = Plain(copy(before))
            step[0](after, *step[1:])
            self.allowed = [before, after.data]
            machine.mem32[ASK_FOR_CTRL_C] = within  # instead of the one asked for before
            step[0](self.db, *step[1:])
            self.allowed = [after.data]

    def check(self, number):
        self.inside += len(self.allowed) - 1
        found = read(self.db)
        assert among(found, self.allowed), "%d: %r is none of %r" % (number, found, self.allowed)
        if number % 2:  # each second time, since a write might heal what a strike has left
            found["struck"] = self.db["struck"] = number
        self.db = MicroTetherDB(PATH)  # what is on the disk
        on_disk = read(self.db)
        assert same(on_disk, found), "%d: in memory %r, on the disk %r" % (number, found, on_disk)
        self.allowed = [copy(found)]


def have_no_more():
    """Take back what was asked for, and swallow one that is on its way."""
    try:
        machine.mem32[ASK_FOR_CTRL_C] = 0
        time.sleep_ms(5)
    except KeyboardInterrupt:
        pass


struck = Struck()
for number in range(STRIKES):
    try:
        try:
            struck.work(number)
        except KeyboardInterrupt:
            have_no_more()
    except KeyboardInterrupt:  # the one that was on its way when the next was asked for
        have_no_more()
    struck.check(number)
print(STRIKES, struck.inside)
