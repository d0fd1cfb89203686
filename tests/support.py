"""What the behaviour tests share. Runs on CPython and on MicroPython."""

import json
import os
import sys

from MicroTetherDB import MicroTetherDB
from values import Oops, content, same  # noqa: F401 (the tests take them from here)

CPYTHON = hasattr(os, "fsync")

# Set by board.py, on MicroPython:
runtime = None  # where the tests run
device = None  # the simulated flash or SD card that they run on, if they do


# Which tests run where.


def only(runtimes, why):
    """Mark a test that makes sense on some runtimes only.

    runtimes are names, in one string: cpython, littlefs, fat, host (MicroPython on a PC's files),
    board; micropython for all but the first. why is for the reader.
    """

    def mark(test):
        if CPYTHON:
            test.only = runtimes.split()
            return test
        return test if runs_on(runtime, runtimes.split()) else None

    return mark


def runs_on(runtime, runtimes):
    return runtime in runtimes or (runtime != "cpython" and "micropython" in runtimes)


def threaded(test):
    """Mark a test that needs threads: an interpreter without _thread has none."""
    if CPYTHON:
        test.needs = "has_threads"
        return test
    try:
        import _thread
    except ImportError:
        return None
    return _thread and test


def compact(test):
    """Mark a test that knows the checksums of texts: older firmware writes them with blanks."""
    if CPYTHON:
        test.needs = "is_compact"
        return test
    try:
        json.dumps(0, separators=(",", ":"))
    except TypeError:
        return None
    return test


# What is to be expected.


def raises(kind, function, *args):
    """Call function(*args); return the text of the exception of that very kind that it raises."""
    try:
        function(*args)
    except kind as error:
        assert type(error) is kind or issubclass(kind, OSError), repr(error)
        return str(error)
    raise AssertionError("%s was not raised" % kind.__name__)


class Small(MicroTetherDB):
    """A database that spills and folds early."""

    TIP_SIZE = 100


# The files.


def listed(folder="."):
    """The names of the files in folder, sorted, but for those that keep other programs out."""
    return sorted(name for name in os.listdir(folder) if not name.endswith(".lock"))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def seal_of(path):
    """Return what the seal of X holds: the CRC of all before it."""
    from binascii import crc32  # here, since an ESP8266 has none

    return crc32(read(path)[:-33])


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def remove(path):
    try:
        os.remove(path)
    except OSError:
        pass


def ends(path):
    """The suffixes of those files of the database at path that there are."""
    folder, name = path.rsplit("/", 1)
    names = os.listdir(folder)
    return [end for end in ("", ".log", ".tip", ".tmp") if name + end in names]


def files(path):
    """The files of the database at path that there are, as {suffix: bytes}."""
    return {end: read(path + end) for end in ends(path)}


def lay(path, contents):
    """Make files(path) what contents are."""
    for end in ends(path):
        os.remove(path + end)
    for end in contents:
        write(path + end, contents[end])


def copied(path):
    """The path of a copy of the database's files, made in pieces that any heap has room for."""
    copy = path + "2"
    lay(copy, {})
    for end in ends(path):
        with open(path + end, "rb") as source, open(copy + end, "wb") as target:
            piece = source.read(256)
            while piece:
                target.write(piece)
                piece = source.read(256)
    return copy


def start(path):
    """Return a new database with a list and a value with a list inside."""
    db = MicroTetherDB(path)
    db.update(all=[], user1={"n": 1, "tags": ["a"]})
    return db


def found(path, contents):
    """The data that is found where a database's files are those contents."""
    copy = path + "2"
    lay(copy, contents)
    with MicroTetherDB(copy) as db:
        return content(db)


def after_a_crash(path):
    """The data that is found if the power fails now: that of a copy of the database's files."""
    with MicroTetherDB(copied(path)) as db:
        return content(db)


class no_writes:
    """A block in which nothing may be written, for ``with``."""

    def __init__(self, path):
        self.path = path
        self.folder = path.rsplit("/", 1)[0]

    def __enter__(self):
        if CPYTHON:
            for name in os.listdir(self.folder):
                os.utime(self.folder + "/" + name, (0, 0))
        self.before = self.state()

    def __exit__(self, kind, error, trace):
        assert kind or self.state() == self.before

    def state(self):
        if device:
            return device.operations
        if CPYTHON:
            # What was renamed or made anew is another file. X.lock isn't data: it comes and goes.
            stats = {name: os.stat(self.folder + "/" + name) for name in listed(self.folder)}
            return {name: (stats[name].st_mtime, stats[name].st_ino) for name in stats}
        return files(self.path)


# What a runtime or a disk may lack.


def module_with(**modules):
    """Return the module MicroTetherDB imported anew where those modules are others, or None."""
    was = {name: sys.modules.pop(name, None) for name in list(modules) + ["MicroTetherDB"]}
    for name in modules:
        sys.modules[name] = modules[name]
    try:
        return __import__("MicroTetherDB")
    finally:
        for name in was:
            if was[name]:
                sys.modules[name] = was[name]
            else:
                del sys.modules[name]


class replaced:
    """A block in which a function of the module is another one, for ``with``: as the real one."""

    def __init__(self, name, function):
        self.name = name
        self.function = function

    def __enter__(self):
        module = sys.modules["MicroTetherDB"]
        self.real = getattr(module, self.name)
        setattr(module, self.name, self.function)
        return self.real

    def __exit__(self, *_):
        setattr(sys.modules["MicroTetherDB"], self.name, self.real)


def restart(folder):
    """Give the simulated disk its power back; the database stays open."""
    global device
    import flash

    os.chdir("/")
    flash.vfs.umount(folder)
    device = device.restart()
    device.mount(folder)
    os.chdir(folder)


def changed_card(folder, card):
    """Pull out the simulated disk that is in, and mount another one. Return what was pulled out,
    fit to be put in again."""
    global device
    import flash

    os.chdir("/")
    flash.vfs.umount(folder)
    was = device.restart()
    device = card
    device.mount(folder)
    os.chdir(folder)
    return was


class full_disk:
    """A block in which nothing more fits on the disk, for ``with``."""

    def __init__(self, path):
        self.folder = path.rsplit("/", 1)[0]

    def __enter__(self):
        if CPYTHON:
            import resource

            self.limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (0, self.limits[1]))
            return
        count = 0
        while self.fill("/filler%d" % count):
            count += 1

    def fill(self, name):
        """Make a file as long as fits; return whether any did."""
        size = 0
        try:
            with open(self.folder + name, "wb") as file:
                while True:
                    size += file.write(bytes(512))
                    file.flush()
        except OSError:
            return size > 512

    def __exit__(self, *_):
        if CPYTHON:
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, self.limits)
            return
        for name in os.listdir(self.folder):
            if name.startswith("filler"):
                os.remove(self.folder + "/" + name)
