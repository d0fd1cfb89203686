"""Blocks misused at random: by tasks that await in them, by generators, by threads.

    micropython -X heapsize=8M tests/sweeps/tasks.py [count=2000] [first=0]
    python tests/sweeps/tasks.py [count=2000] [first=0]

Each number is a story of some tasks, or of one thread: blocks are entered, twice, ended in any
order, once, twice or by an exception, by another thread, or left by a generator; keys are written
and changed in place in between. Each misuse must raise RuntimeError when it happens. After each
step memory must have what a plain model of blocks has, and as soon as no block is open the disk
the same. At the end the lock must be free, and later writes durable.
"""

import sys
import time

import fail
import workload
from workload import MICROPYTHON, Dice, MicroTetherDB, copy, elsewhere, read, same

try:
    import asyncio
except ImportError:
    import uasyncio as asyncio

STEPS = 24
TASKS = 3
BUSY = "busy"


class Told(Exception):
    """A step that had to raise RuntimeError didn't, or one that must not did."""


def told(function, *args):
    """Call what must raise RuntimeError."""
    try:
        function(*args)
    except RuntimeError as error:
        return str(error)
    raise Told("no RuntimeError")


class Entered:
    """A block and what the model knows of it."""

    def __init__(self, block, undo, task):
        self.block = block
        self.undo = undo
        self.task = task
        self.generator = None
        self.before = None


class Worker:
    """A thread that calls what it is given, one after the other."""

    def __init__(self):
        self.job = self.result = None
        elsewhere(int)  # a thread can be started at all
        workload._thread.start_new_thread(self.run, ())

    def run(self):
        while self.job != "end":
            if self.job:
                try:
                    self.result = (self.job[0](*self.job[1:]), None)
                except BaseException as error:
                    self.result = (None, error)
                self.job = None
            time.sleep(0.0002)

    def do(self, *job):
        self.result = None
        self.job = job
        end = time.time() + 30
        while not self.result:
            time.sleep(0.0002)
            assert time.time() < end, "the thread waits for ever"
        value, error = self.result
        if error:
            raise error
        return value


class Story:
    def __init__(self, place, number):
        self.place = place
        self.dice = Dice(number)
        self.db = MicroTetherDB(place.path)
        self.data = {}  # what memory must have
        self.open = []  # the Entered that are open, outermost first
        self.all = []  # every Entered there was
        self.misuses = self.n = 0

    # The model

    def end(self, entered, raised):
        """Return whether ending a block now is a misuse, after having done what it does."""
        if entered not in self.open:
            return True
        at = self.open.index(entered)
        inner = self.open[at + 1 :]
        if inner and not raised:
            self.data = self.open[0].before
            self.open = []
            return True
        if raised:  # it ends those within, too
            undone = [each for each in self.open[at:] if each.undo]
            self.data = undone[0].before if undone else self.data
        self.open = self.open[:at]
        return False

    def begin(self, entered):
        entered.before = copy(self.data)
        self.open.append(entered)
        self.all.append(entered)

    def is_busy(self, task):
        """Whether another task is in a block."""
        return bool(self.open) and self.open[0].task is not task

    # The steps

    def new(self, task=None):
        undo = self.dice(2) == 0
        return Entered(self.db.transaction() if undo else self.db.lock(), undo, task)

    def enter(self, task):
        entered = self.new(task)
        if self.is_busy(task):
            self.misuses += 1
            assert BUSY in told(entered.block.__enter__)
            return
        entered.block.__enter__()
        self.begin(entered)

    def enter_again(self, task):
        """Enter a block that was entered before, in this thread or in another one."""
        if self.all:
            enter = self.all[self.dice(len(self.all))].block.__enter__
            self.misuses += 1
            if self.dice(4) == 0:
                told(elsewhere, enter)
            else:
                told(enter)

    def leave(self, task, entered=None):
        """End a block of this task, the innermost one or any."""
        mine = [each for each in self.all if each.task is task and not each.generator]
        if not mine:
            return
        if entered is None:
            entered = mine[self.dice(len(mine))] if self.dice(3) == 0 else mine[-1]
        raised = self.dice(3) == 0
        error = KeyError("mine") if raised else None
        if self.end(entered, raised):
            self.misuses += 1
            told(entered.block.__exit__, raised and KeyError or None, error, None)
        else:
            entered.block.__exit__(raised and KeyError or None, error, None)

    def leave_elsewhere(self, task):
        """End a block in another thread than it was entered in: told, and it stays open."""
        if self.all:
            entered = self.all[self.dice(len(self.all))]
            self.misuses += 1
            told(elsewhere, entered.block.__exit__, None, None, None)

    def write(self, task):
        self.n += 1
        key = "k%d" % self.dice(6)
        if self.is_busy(task):
            self.misuses += 1
            assert BUSY in told(workload.put, self.db, key, self.n)
            return
        self.db[key] = [self.n]
        self.data[key] = [self.n]

    def delete(self, task):
        if self.is_busy(task):
            self.misuses += 1
            assert BUSY in told(self.db.pop, "k1", None)
            return
        self.db.pop("k1", None)
        self.data.pop("k1", None)

    def change(self, task):
        """Change a value in place, within a block."""
        self.n += 1
        if self.open and not self.is_busy(task) and self.data:
            key = sorted(self.data)[0]
            self.db[key].append(self.n)
            self.data[key].append(self.n)

    def generate(self, task):
        """Leave a generator within a block."""
        entered = self.new()
        key = "g%d" % self.dice(3)

        def within():
            with entered.block:
                self.db[key] = [1]
                yield
                self.db[key] = [2]

        entered.key = key
        entered.generator = within()
        next(entered.generator)
        self.begin(entered)
        self.data[key] = [1]

    def resume(self, task, entered=None):
        """Let a generator that is in a block go on, which ends that, or close it."""
        left = [each for each in self.all if each.generator]
        if not left:
            return
        entered = entered or left[self.dice(len(left))]
        generator = entered.generator
        entered.generator = None
        entered.task = self  # nobody's any more
        if self.dice(2):
            self.data[entered.key] = [2]
            if self.end(entered, False):
                self.misuses += 1
                told(next, generator, None)
            else:
                next(generator, None)
            return
        if self.end(entered, True):
            self.misuses += 1
            told(generator.close)
        elif self.dice(2) or MICROPYTHON:
            generator.close()
        else:
            del generator  # there, that closes it

    def share(self, task):
        """A block that another thread has entered is ended and entered here, too."""
        if self.open:
            return
        worker = Worker()
        entered = self.new(self)
        worker.do(entered.block.__enter__)
        worker.do(workload.put, self.db, "shared", [self.n])
        told(entered.block.__exit__, None, None, None)
        told(entered.block.__enter__)
        self.misuses += 2
        worker.do(entered.block.__exit__, None, None, None)
        worker.job = "end"
        self.data["shared"] = [self.n]
        self.all.append(entered)

    def step(self, task, ways):
        way = ways[self.dice(len(ways))]
        self.way = way.__name__ if hasattr(way, "__name__") else str(way)
        way(task)
        self.check()

    def check(self):
        found = read(self.db)
        assert same(found, self.data), "memory has %r instead of %r" % (found, self.data)
        if not self.open and self.dice(4) == 0:
            self.check_disk()

    def check_disk(self):
        found = fail.on_disk(self.place)
        assert same(found, self.data), "the disk has %r instead of %r" % (found, self.data)

    # The stories

    def alone(self):
        ways = [self.enter, self.write, self.change, self.delete, self.leave]
        ways += [self.generate, self.resume, self.enter_again, self.leave]
        ways += ways + [self.leave_elsewhere, self.share]
        for _ in range(STEPS):
            self.step(None, ways)

    async def task(self, me):
        ways = [self.enter, self.enter, self.write, self.write, self.change, self.delete]
        ways += [self.leave, self.leave, self.leave, self.enter_again]
        ways += ways + [self.leave_elsewhere]
        for _ in range(STEPS // TASKS):
            self.step(me, ways)
            for _ in range(self.dice(3)):
                await asyncio.sleep(0)

    async def tasks(self):
        await asyncio.gather(*[self.task(me) for me in range(TASKS)])

    def finish(self):
        """End what is open, in any order; then all must be as it should."""
        self.way = "finish"
        while self.open:
            entered = self.open[self.dice(len(self.open))]
            if entered.generator:
                self.resume(None, entered)
            else:
                self.leave(entered.task, entered)
        for entered in self.all:
            if entered.generator:
                self.resume(None, entered)
        assert same(elsewhere(read, self.db), self.data), "memory has %r" % read(self.db)
        self.check_disk()
        self.db["later"] = self.data["later"] = [1]
        with self.db.transaction():
            self.db["later"].append(2)
        self.data["later"].append(2)
        assert same(read(self.db), self.data), "memory has %r" % read(self.db)
        self.check_disk()

    def tell(self, number):
        if number % 2:
            asyncio.run(self.tasks())
        else:
            self.alone()
        self.finish()


def main():
    options = workload.options(fs="lfs256" if MICROPYTHON else "host", count=2000, first=0)
    place = fail.place_of(options["fs"])
    misuses = 0
    for number in range(options["first"], options["first"] + options["count"]):
        workload.forget()
        place.fresh()
        story = Story(place, number)
        try:
            story.tell(number)
        except BaseException:
            print("WRONG: story %d, in %s" % (number, story.way))
            print("tests/sweeps/tasks.py fs=%s first=%d count=1" % (options["fs"], number))
            raise
        misuses += story.misuses
    print(
        "%s: %d stories with %d misuses, each reported, nothing lost"
        % (sys.implementation.name, options["count"], misuses)
    )


workload.run(main)
