"""One fault where there is little room: what there is room for works ever after.

    micropython -X heapsize=4M tests/sweeps/room.py [fs=lfs256|lfs32|fat] [every=1] [at=0]

The disk has less room left than the data takes, so that nothing can be folded. In each kind of
step call N of the file system fails once, with ENOSPC or EIO, instead of being done or after it;
and operation N of littlefs's chip fails once. At once memory and disk have to hold what was
acknowledged. Then writes, deletes and close() must work, as they do without that fault. at= tries
that N alone.
"""

import os

import fail
import workload
from chips import SIZE, device
from workload import MicroTetherDB, copy, read, same

PATH = "/room/x.db"
LONG = 26  # values, of some 2 KB

TRIED = [
    (workload.put, "k", [1]),
    (workload.put, "long3", "y" * 300),
    (workload.update, {"u%d" % i: "y" * 300 for i in range(3)}),
    (workload.delete, "long1"),
    (workload.change, "dict", "n", [2]),
    (workload.batch, {"k": 5, "new": 6}, ["long2"]),
    (workload.roll_back, {"k": 5, "new": 6}, ["long2"]),
    (workload.flush,),
    (workload.backup, PATH + ".copy"),
    (workload.create, PATH),
    (workload.close,),
]
LATER = [
    (workload.put, "k", [7]),
    (workload.put, "later", {"v": 1}),
    (workload.delete, "long4"),
    (workload.update, {"u%d" % i: "z" * 300 for i in range(3)}),
    (workload.change, "dict", "n", [8]),
    (workload.delete, "k"),
    (workload.put, "k", "again"),
]


class Shaky:
    """Lets operation number `at` of a chip fail, once."""

    def __init__(self):
        self.arm(0, None, False)

    def arm(self, at, error, done):
        self.at = at
        self.count = 0
        self.struck = None
        self.unsynced = ()

    def fit(self, chip):
        def cut():
            self.count += 1
            if self.count == self.at:
                self.struck = "an operation of the chip"
                return True
            return chip.dead

        chip._cut = cut


class Sweep:
    def __init__(self, fs, journal):
        self.fs = fs
        self.memory = bytearray(SIZE)
        self.copied = bytearray(SIZE)
        self.journal = journal
        self.tried = 0
        self.chip = None
        self.prepare()

    def prepare(self):
        """Make the disk that each try begins with."""
        chip = device(self.fs, self.memory)
        chip.format()
        chip.mount("/room")
        db = MicroTetherDB(PATH)
        db.update({"long%d" % i: chr(97 + i) * 2000 for i in range(LONG)})
        db.update({"k": [0], "dict": {"n": [0]}})
        db.flush()
        size = os.stat(PATH)[6]
        with open("/room/filler", "wb") as file:
            while room() > size:
                file.write(bytes(1024))
                file.flush()
        if self.journal:
            db["k"] = ["journal"]
        self.before = copy(read(db))
        workload.forget()
        os.umount("/room")
        self.start = bytearray(self.memory)

    def unmount(self):
        workload.forget()
        if self.chip:
            os.umount("/room")
            self.chip.restart()

    def mount(self):
        self.unmount()
        self.memory[:] = self.start
        self.chip = device(self.fs, self.memory)
        self.chip.mount("/room")
        return MicroTetherDB(PATH)

    def on_disk(self):
        self.copied[:] = self.memory
        device(self.fs, self.copied).mount("/copy")
        try:
            return copy(read(MicroTetherDB("/copy/x.db")))
        finally:
            workload.leave(workload.module._opened["/copy/x.db"])
            os.umount("/copy")

    def run(self, step, faults, at, error, done):
        """Return whether call or operation number at was reached, and the later steps' errors."""
        db = self.mount()
        if isinstance(faults, Shaky):
            faults.fit(self.chip)
        faults.arm(at, error, done)
        raised = None
        try:
            db = workload.take(step, db)
        except OSError as caught:
            raised = caught
        struck = self.struck = faults.struck
        faults.arm(0, None, False)
        after = self.check(step, db, raised)
        if "keys" not in repr(db):
            db = MicroTetherDB(PATH)
        elif raised and not self.journal and at % 2:
            db.close()  # nothing has changed, so that it takes no room
            db = MicroTetherDB(PATH)
        return struck, self.go_on(db, after)

    def check(self, step, db, raised):
        plain = workload.Plain(copy(self.before))
        workload.take(step, plain)
        expected = plain.data if raised is None else self.before
        found = self.on_disk()
        assert same(found, expected), "the disk has %r" % short(found)
        if "keys" in repr(db):
            assert same(read(db), expected), "memory has %r" % short(read(db))
        return expected

    def go_on(self, db, data):
        """Take the later steps; return which of them raised OSError."""
        plain = workload.Plain(copy(data))
        errors = []
        for step in LATER + [(workload.delete, "long%d" % i) for i in range(9, LONG)]:
            before = copy(plain.data)
            try:
                workload.take(step, db)
                workload.take(step, plain)
            except OSError:
                errors.append(workload.show(step))
                assert same(read(db), before), "memory has %r" % short(read(db))
        assert same(read(db), plain.data), "memory has %r" % short(read(db))
        assert same(self.on_disk(), plain.data), "the disk has %r" % short(self.on_disk())
        db.close()
        assert same(self.on_disk(), plain.data), "closed: %r" % short(self.on_disk())
        return errors

    def sweep(self, step, faults, kinds, every, only):
        self.place = 0, None, False, faults
        _, errors = self.run(step, faults, 0, None, False)
        assert not errors, "not possible without a fault: %r" % errors
        n = only - 1 if only else 0
        reached = True
        while reached and not n == only > 0:
            n += 1
            for k, (error, done) in enumerate(kinds):
                if (n + k) % every and n > 1 and not only:
                    continue
                self.place = n, error, done, faults
                reached, errors = self.run(step, faults, n, error, done)
                if not reached:
                    break
                self.tried += 1
                assert not errors, "not possible any more: %r" % errors


def room():
    """Bytes that are free on the disk."""
    stat = os.statvfs("/room")
    return stat[0] * stat[3]


def short(data):
    return {key: str(data[key])[:9] for key in data}


KINDS = [
    (error, done)
    for done in (False, True)
    for error in (OSError(28, "full"), OSError(5, "broken"))
]


def main():
    options = workload.options(fs="lfs256", every=1, at=0)
    fs = options["fs"]
    calls = fail.Faults()
    calls.install()
    ways = [(calls, KINDS)]
    if fs != "fat":  # which itself loses room when an operation of its disk fails
        ways.append((Shaky(), KINDS[1:2]))
    tried = 0
    for journal in (False, True):
        sweep = Sweep(fs, journal)
        for step in TRIED:
            for faults, kinds in ways:
                try:
                    sweep.sweep(step, faults, kinds, options["every"], options["at"])
                except BaseException:
                    n, error, done, faults = sweep.place
                    name = "operation" if isinstance(faults, Shaky) else "call"
                    print("WRONG on %s: %s %d failed with %r" % (fs, name, n, error))
                    print("which is", sweep.struck)
                    print("after it was done" if done else "instead of being done")
                    print("in the step", workload.show(step), "journal" if journal else "")
                    print("micropython -X heapsize=4M room.py fs=%s at=%d" % (fs, n))
                    raise
        tried += sweep.tried
        sweep.unmount()
    print("%s: %d faults where there is little room, work goes on after each" % (fs, tried))


workload.run(main)
