"""Memory runs out anywhere: each kind of step with 0, 16, 32 ... 8,192 bytes of the heap free.

    micropython -X heapsize=896K tests/sweeps/memory.py [fs=lfs256|lfs32|fat] [free=-1] [every=1]

The step either works or raises MemoryError with nothing changed in memory. Once there is memory
again the next write works, and the disk has just what memory has. The free bytes are in one piece
and, in a second round, in pieces of 32 bytes. free= tries that amount alone, every= each every-th.
"""

import gc

import workload
from chips import SIZE, device
from workload import MicroTetherDB, among, os, read, same

PATH = "/memory/x.db"
SPARE = "/memory/spare"
BLOCK = 32  # bytes that the heap is divided into

# What each step finds: the steps that made it.
START = [
    (workload.create, PATH),
    (workload.update, workload.some(0, 20)),
    (workload.put, "kd", {"list": [1, {}], "s": "x" * 100}),
]
TRIED = [
    (workload.create, PATH),
    (workload.put, "new", {"v": [1, 2.5, None, "three"]}),
    (workload.put, "k1", {"v": 1, "s": "abcdefgh"}),
    (workload.put, "big", ["0123456789" * 15] * 10),
    (workload.delete, "k1"),
    (workload.change, "kd", "s", "y"),
    (workload.batch, workload.some(1, 12, "n"), ["k1", "k2", "k"]),
    (workload.roll_back, workload.some(1, 12, "n"), ["k1", "k2", "k"]),
    (workload.keep, workload.some(1, 3, "n"), ["k1", "k2", "k"]),
    (workload.nest, {"k2": 0, "n": {}}, ["k4", "k5"], workload.some(8, 7)),
    (workload.update, workload.some(1, 12, "n")),
    (workload.update, workload.some(1, 40)),
    (workload.late, "kd", "s", "y" * 50),
    (workload.clear,),
    (workload.flush,),
    (workload.backup, SPARE),
    (workload.close,),
]


class Heap:
    """Fills the heap but for some bytes, in one piece or in many."""

    def __init__(self):
        self.slots = [None] * 8000
        self.free = [None] * 256
        self.between = [None] * 256

    def fill(self, free, scattered):
        """Leave free bytes of the heap, rounded up to its blocks."""
        slots = self.slots
        if scattered or free < 64:
            for i in range((free + BLOCK - 1) // BLOCK):
                self.free[i] = object()
                self.between[i] = object()
        else:
            self.free[0] = bytearray(free - BLOCK)  # and a block that says so
        gc.collect()
        gc.disable()
        i = 0
        size = 16384
        while size >= BLOCK:
            try:
                while True:
                    slots[i] = bytearray(size) if size > BLOCK else object()
                    i += 1
            except MemoryError:
                size //= 2
        for i in range(len(self.free)):
            self.free[i] = None
        gc.enable()
        gc.collect()

    def empty(self):
        for i in range(len(self.slots)):
            if self.slots[i] is None:
                break
            self.slots[i] = None
        for i in range(len(self.between)):
            self.between[i] = None
        gc.collect()


class Sweep:
    def __init__(self, fs):
        self.fs = fs
        self.heap = Heap()
        self.memory = bytearray(SIZE)
        self.copied = bytearray(SIZE)
        chip = device(fs, self.memory)
        chip.format()
        chip.mount("/memory")
        db = None
        for step in START:
            db = workload.take(step, db)
        os.umount("/memory")
        self.start = bytearray(self.memory)
        self.before = workload.states_of(START)[-1][0]
        self.raised = self.worked = 0

    def on_disk(self):
        self.copied[:] = self.memory
        device(self.fs, self.copied).mount("/copy")
        try:
            with MicroTetherDB("/copy/x.db") as db:
                return read(db)
        finally:
            os.umount("/copy")

    def run(self, step, after, free, scattered):
        workload.forget()
        self.memory[:] = self.start
        chip = device(self.fs, self.memory)
        chip.mount("/memory")
        db = MicroTetherDB(PATH)
        function = step[0]
        arguments = step[1:]
        raised = opened = None
        self.heap.fill(free, scattered)
        try:
            opened = function(db, *arguments)
        except MemoryError as error:
            raised = error
        self.heap.empty()
        try:
            self.check(db if opened is None else opened, step, raised, after)
        finally:
            os.umount("/memory")
            chip.restart()
        return raised is None

    def check(self, db, step, raised, after):
        if step[0] is workload.close and raised is None or "keys" not in repr(db):
            db = MicroTetherDB(PATH)
        found = read(db)
        if raised is None:
            allowed = [after]
            self.worked += 1
        else:
            self.raised += 1
            allowed = [self.before]
            if step[0] is workload.late:
                allowed.append(after)
        in_steps = raised is not None and step[0] in (workload.keep, workload.nest)
        assert among(found, allowed) or in_steps and workload.mixed(found, self.before, after), (
            "memory has %r" % found
        )
        disk = [found]
        if raised is not None and step[0] is workload.late:
            disk.append(self.before)
        assert among(self.on_disk(), disk), "the disk has %r" % self.on_disk()
        db["next"] = 1
        disk = [dict(state, next=1) for state in disk]
        assert same(read(db), dict(found, next=1)), "the next write has not worked"
        assert among(self.on_disk(), disk), "after the next write: %r" % self.on_disk()
        db.close()
        assert same(self.on_disk(), dict(found, next=1)), "after close(): %r" % self.on_disk()


def main():
    options = workload.options(fs="lfs256", free=-1, every=1)
    every = options["every"]
    sweep = Sweep(options["fs"])
    for s, step in enumerate(TRIED):
        after = workload.states_of(START + [step])[-1][0]
        raised = sweep.raised
        worked = sweep.worked
        for scattered in (False, True):
            for free in range(0, 8193, 16):
                if options["free"] not in (-1, free) or (free // 16 + s) % every:
                    continue
                try:
                    sweep.run(step, after, free, scattered)
                except Exception:
                    print(
                        "WRONG on %s with %d bytes free, %s"
                        % (options["fs"], free, "scattered" if scattered else "in one piece")
                    )
                    print("in the step", workload.show(step))
                    print(
                        "micropython -X heapsize=896K tests/sweeps/memory.py fs=%s free=%d"
                        % (options["fs"], free)
                    )
                    raise
        if options["free"] < 0:
            assert sweep.raised > raised, "there always was enough for " + workload.show(step)
            print(workload.show(step)[:50], sweep.raised - raised, sweep.worked - worked)
    print(
        "%s: %d times too little memory, %d times enough, nothing lost"
        % (options["fs"], sweep.raised, sweep.worked)
    )


workload.run(main)
