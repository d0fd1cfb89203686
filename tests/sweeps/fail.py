"""Every call of the file system fails once: open, read, write, flush, close, rename, remove, stat.

    micropython -X heapsize=4M tests/sweeps/fail.py [fs=lfs256|lfs32|fat|host] [call=0] [every=1]
    python tests/sweeps/fail.py [call=0] [every=1]

Call N fails with ENOSPC, EIO, MemoryError or KeyboardInterrupt, either instead of being done or
right after it was done. At once memory must hold what was acknowledged and the lock be free, a
copy of the files must open with the same, and the next write must work. call= tries that one only.
"""

import os

import workload
from workload import MICROPYTHON, among, elsewhere, module, read, same

if MICROPYTHON:
    import io

    import chips

    Stream = io.IOBase
else:
    Stream = object


OS_CALLS = ("rename", "replace", "remove", "stat", "fsync", "fdatasync")


class Faults:
    """Stands between the module and the file system, and makes call number `at` fail."""

    def __init__(self):
        self.unsynced = set()  # paths of files and folders with changes not synced yet
        self.arm(0, None, False)

    def arm(self, at, error, done):
        self.count = 0
        self.at = at
        self.error = error
        self.done = done  # whether the call is done before it fails
        self.struck = None  # the name of the call that failed
        self.unsynced.clear()

    def call(self, name, function, *args):
        self.count += 1
        if self.count != self.at:
            return function(*args)
        self.struck = name
        if self.done:
            result = function(*args)
            if name == "open":
                result.close()
        raise self.error

    def open(self, path, mode, **more):
        return File(self, path, self.call("open", lambda *args: open(*args, **more), path, mode))

    def install(self):
        module.open = self.open
        module.os = Os(self)
        for name in dir(module):
            for call in OS_CALLS:
                if hasattr(os, call) and getattr(module, name) is getattr(os, call):
                    setattr(module, name, getattr(module.os, call))


class File(Stream):
    def __init__(self, faults, path, file):
        self.faults = faults
        self.path = path
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self, *size):
        return self.faults.call("read", self.file.read, *size)

    def readline(self, *size):
        return self.faults.call("read", self.file.readline, *size)

    def readinto(self, buffer):
        return self.faults.call("read", self.file.readinto, buffer)

    def write(self, data):
        self.faults.unsynced.add(self.path)
        return self.faults.call("write", self.file.write, data)

    def flush(self):
        self.faults.call("flush", self.file.flush)
        if MICROPYTHON:
            self.faults.unsynced.discard(self.path)

    def close(self):
        self.faults.call("close", self.file.close)

    def seek(self, *where):
        return self.faults.call("seek", self.file.seek, *where)

    def __getattr__(self, name):
        return getattr(self.file, name)


class Os:
    """The module's os. It sees to it that what a rename puts in place is synced before."""

    def __init__(self, faults):
        self.faults = faults

    def __getattr__(self, name):
        function = getattr(os, name)
        if name not in OS_CALLS:
            return function
        return lambda *args: self.faults.call(name, function, *args)

    def remove(self, path):
        self.faults.unsynced.discard(path)
        self.faults.call("remove", os.remove, path)

    def rename(self, old, new):
        self.move("rename", old, new)

    def replace(self, old, new):
        self.move("replace", old, new)

    def move(self, name, old, new):
        unsynced = self.faults.unsynced
        assert old not in unsynced, "renamed without a sync: " + old
        if not MICROPYTHON:
            unsynced.add(os.path.dirname(new))
        self.faults.call(name, getattr(os, name), old, new)

    def fsync(self, number):
        self.sync("fsync", number)

    def fdatasync(self, number):
        self.sync("fdatasync", number)

    def sync(self, name, number):
        self.faults.call(name, getattr(os, name), number)
        for path in list(self.faults.unsynced):
            if os.path.exists(path) and os.path.samestat(os.stat(path), os.fstat(number)):
                self.faults.unsynced.discard(path)


class OnChip:
    """A database on a fresh chip; its copy is what a power cut would leave."""

    path = "/fail/x.db"
    copied = "/copy/x.db"

    def __init__(self, fs):
        self.fs = fs
        self.memory = bytearray(chips.SIZE)
        self.copy_memory = bytearray(chips.SIZE)
        self.chip = None
        chips.device(fs, self.memory).format()
        self.blank = bytearray(self.memory)

    def fresh(self):
        if self.chip:
            os.umount("/fail")
            self.chip.restart()
        self.memory[:] = self.blank
        self.chip = chips.device(self.fs, self.memory)
        self.chip.mount("/fail")

    def copy(self):
        self.copy_memory[:] = self.memory
        chips.device(self.fs, self.copy_memory).mount("/copy")

    def drop(self):
        os.umount("/copy")


class OnHost:
    def __init__(self, folder):
        self.folders = (folder + "/fail", folder + "/copy")
        for each in self.folders:
            workload.fresh(each)
        self.path = self.folders[0] + "/x.db"
        self.copied = self.folders[1] + "/x.db"
        module.MicroTetherDB.TIP_SIZE = 448

    def fresh(self):
        workload.fresh(self.folders[0])

    def copy(self):
        workload.copy_files(self.path, self.folders[1])

    def drop(self):
        pass


def place_of(fs):
    """Where a sweep makes its databases: on the chip of that name, or on the host."""
    if fs != "host":
        return OnChip(fs)
    return OnHost(workload.scratch())


def on_disk(place):
    """What a copy of the files holds when opened."""
    place.copy()
    try:
        db = module.MicroTetherDB(place.copied)
        found = read(db)
        db.close()
        return found
    finally:
        place.drop()


class Sweep:
    def __init__(self, place, faults):
        self.place = place
        self.faults = faults
        self.steps = workload.script(place.path, 24)
        self.states = workload.states_of(self.steps)
        self.tried = 0

    def on_disk(self):
        return on_disk(self.place)

    def run(self, at, error, done):
        """Run the script with call number at failing; return whether there is such a call."""
        self.place.fresh()
        workload.forget()
        self.faults.arm(at, error, done)
        db = None
        for i, step in enumerate(self.steps):
            self.step = step
            raised = None
            try:
                db = workload.take(step, db)
            except (OSError, MemoryError, KeyboardInterrupt) as caught:
                raised = caught
            if self.faults.struck:
                self.tried += 1
                self.check(db, step, i, raised)
                return True
            assert raised is None, raised
            unsynced = self.faults.unsynced
            assert not unsynced, "acknowledged without a sync: %r" % unsynced
            if step[0] is workload.close:
                db = None
        return False

    def check(self, db, step, i, raised):
        before = self.states[i - 1][0] if i else {}
        after = self.states[i][0]
        if raised is not None:
            if type(raised) is not type(self.faults.error):
                raise raised
            assert raised.args[:1] == self.faults.error.args[:1], "raised %r" % raised
        if step[0] is workload.close and raised is None or db is None or "keys" not in repr(db):
            db = module.MicroTetherDB(self.place.path)
        # An in-place change outside of a block is in memory already when its flush() fails.
        pending = raised is not None and step[0] is workload.late
        memory = after if raised is None or pending else before
        disk = (before, after) if pending else (memory,)
        found = elsewhere(read, db)
        assert same(found, memory), "memory has %r" % found
        found = self.on_disk()
        assert among(found, disk), "the disk has %r" % found
        elsewhere(workload.put, db, "next", [1])
        disk = [dict(state, next=[1]) for state in disk]
        memory = dict(memory, next=[1])
        assert same(read(db), memory), "the next write has not worked"
        found = self.on_disk()
        assert among(found, disk), "the disk has %r after the next write" % found
        db.close()
        found = self.on_disk()
        assert same(found, memory), "the disk has %r after close()" % found


KINDS = [
    (error, done)
    for done in (False, True)
    for error in (OSError(28, "full"), OSError(5, "broken"), MemoryError(), KeyboardInterrupt())
]


def main():
    options = workload.options(fs="lfs256" if MICROPYTHON else "host", call=0, every=1)
    fs = options["fs"]
    place = place_of(fs)
    faults = Faults()
    faults.install()
    sweep = Sweep(place, faults)
    assert not sweep.run(0, None, False)
    calls = sweep.faults.count
    for n in [options["call"]] if options["call"] else range(1, calls + 1):
        for k, (error, done) in enumerate(KINDS):
            if (n + k) % options["every"]:
                continue
            try:
                sweep.run(n, error, done)
            except Exception:
                print(
                    "WRONG on %s: %s failed with %r%s"
                    % (fs, sweep.faults.struck, error, " after it was done" if done else "")
                )
                print("in the step", workload.show(sweep.step))
                if MICROPYTHON:
                    print("micropython -X heapsize=4M", end=" ")
                else:
                    print("python", end=" ")
                print("tests/sweeps/fail.py fs=%s call=%d" % (fs, n))
                raise
    print("%s: %d calls, %d failures, nothing lost" % (fs, calls, sweep.tried))


if __name__ == "__main__":
    workload.run(main)
