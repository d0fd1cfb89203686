"""The stores that are compared: with each, a write is on the flash when it returns.

Runs on MicroPython: the unix port or a board.
"""

import json
import os

try:
    from binascii import crc32
except ImportError:  # ESP8266
    crc32 = None


def key(i):
    return "k%04d" % i


def value(i):
    return {"v": i % 10, "s": "abcdefgh"}


def pairs(count, start=0):
    return ((key(i), value(i)) for i in range(start, start + count))


def library():
    from MicroTetherDB import MicroTetherDB

    return MicroTetherDB


class JsonFile:
    """One dict, written whole: json.dump to a temporary file, renamed over the old one."""

    def __init__(self, path):
        self.path = path
        self.data = {}
        try:
            with open(path) as file:
                self.data = json.load(file)
        except OSError:
            pass  # there is none yet

    def __setitem__(self, key, value):
        self.update(((key, value),))

    def __delitem__(self, key):
        del self.data[key]
        self.update(())

    def update(self, pairs):
        for key, value in pairs:
            self.data[key] = value
        with open(self.path + ".tmp", "w") as file:
            json.dump(self.data, file)
        os.rename(self.path + ".tmp", self.path)

    def close(self):
        pass


class Log:
    """A line of JSON appended for each change. It is never shortened: that would cost more."""

    def __init__(self, path):
        self.file = open(path, "a")  # noqa: SIM115 (close() closes it)

    def __setitem__(self, key, value):
        self.update(((key, value),))

    def __delitem__(self, key):
        self.update(((key, None),))

    def update(self, pairs):
        for pair in pairs:
            self.file.write(json.dumps(pair) + "\n")
        self.file.flush()

    def close(self):
        self.file.close()


class Btree:
    """MicroPython's own btree module, where the firmware has it."""

    def __init__(self, path):
        import btree

        self.file = open(path, "w+b")  # noqa: SIM115
        self.data = btree.open(self.file)

    def __setitem__(self, key, value):
        self.update(((key, value),))

    def __delitem__(self, key):
        del self.data[key.encode()]
        self.update(())

    def update(self, pairs):
        for key, value in pairs:
            self.data[key.encode()] = json.dumps(value).encode()
        self.data.flush()
        self.file.flush()

    def close(self):
        self.data.close()
        self.file.close()


class OneRecord:
    """What no durable write can undercut on littlefs: a file of this one record, replaced."""

    def __init__(self, path):
        self.path = path

    def __setitem__(self, key, value):
        with open(self.path, "w") as file:
            file.write(json.dumps((key, value)))

    def update(self, pairs):
        pass

    def close(self):
        pass


class ByHand:
    """The same tip, spilled to the same log, and nothing else: no checks, lock, dict or fold.

    What a journal of this kind takes when it is written for one program. It is opened anew for
    each write, as MicroTetherDB does it.
    """

    TIP_SIZE = 448

    def __init__(self, path):
        self.path = path
        self.chain = self.log = self.tip = 0

    def __setitem__(self, key, value):
        text = json.dumps([key, value], separators=(",", ":"))
        self.chain = crc32(text, self.chain)
        record = "%s %08x\n" % (text, self.chain)
        if self.tip + len(record) > self.TIP_SIZE:
            self.spill(record)
        else:
            self.append(record)

    def append(self, record):
        with open(self.path + ".tip", "r+" if self.tip else "w") as file:
            file.seek(self.tip)
            self.tip += file.write(record)

    def spill(self, record):
        with open(self.path + ".tip") as file:
            records = file.read(self.tip) + record
        with open(self.path + ".log", "r+" if self.log else "w") as file:
            file.seek(self.log)
            self.log += file.write(records)
        self.tip = 0

    def update(self, pairs):
        pass

    def close(self):
        pass


class ByHandKeptOpen(ByHand):
    """The same, with the tip's file kept open until it is full."""

    def append(self, record):
        if not self.tip:
            self.file = open(self.path + ".tip", "w")  # noqa: SIM115
        self.tip += self.file.write(record)
        self.file.flush()

    def spill(self, record):
        self.file.close()
        ByHand.spill(self, record)


ALL = {
    "json": JsonFile,
    "log": Log,
    "btree": Btree,
    "record": OneRecord,
    "hand": ByHand,
    "open": ByHandKeptOpen,
}
