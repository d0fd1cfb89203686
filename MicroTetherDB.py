"""MicroTetherDB: a key-value database for MicroPython, in one file.

    from MicroTetherDB import MicroTetherDB

    db = MicroTetherDB("my_database.db")
    db["user1"] = {"name": "John", "age": 30}   # on the flash when this line is done
    with db.transaction():                      # all of it or, if it raises, nothing
        db["user1"]["age"] += 1
        del db["user2"]
    db.close()

All data is in RAM, as plain dicts and lists: reading never touches the flash.

The files of a database at ``X``:

``X``      The data: one JSON object, one key a line, UTF-8. It is only ever replaced as a whole
           (a *fold*): ``X.tmp`` is written, synced and renamed over it. Its last two lines, each
           32 spaces and tabs, blank to any JSON reader, are the bits of a CRC-32: the last is the
           *seal*, of all before it; the one before is the seal of the X that this one replaced,
           so that a journal which went on from that is known for stale. A file without a seal,
           made by another program, is read just as well.
``X.log``  The journal: what has changed since the fold.
``X.tip``  The journal's newest records. While such a file is short, littlefs keeps it inside the
           folder's own block, where appending hardly ever costs an erase. A full tip is appended
           to the log as it is (a *spill*).

Each line of a journal is a *record*: a JSON text, a mark (``+``: the *batch* goes on; space: last
of its batch), 8 hex digits of *chain*, newline. ``["key",value]`` sets, ``["key"]`` deletes. The
chain is the CRC-32 of all before it in the line, continuing the chain of the record before, in the
log or the tip; the first of all continues the CRC in X's seal. A line that does not continue the
chain is passed over, and a batch counts only if it is whole. So a journal from before a fold, what
a spill has brought into the log already, a record torn by a power cut are all told by one rule.
The next batch is written right behind the last that counts, over padding and whatever else is
there. A batch is written only when the one before it has been synced. So a whole batch behind a
broken one tells that the broken one was whole once: that is damage, and the files aren't opened.
"""

import json
import os
import sys

__version__ = "2.0.0"

# The runtime: what differs between MicroPython and CPython, and hardly anything below knows of it.

try:
    from micropython import const
except ImportError:

    def const(value):
        return value

    _ON_PC = True
    _SLOTS = 1
else:
    _ON_PC = const(0)  # so the compiler leaves out all that is under `if _ON_PC`
    # Keys are spread over so many dicts: a board's str hashes can have as few as 8 bits, which
    # makes a dict of more keys than that slow.
    _SLOTS = const(16)

try:
    from binascii import crc32

    _hash = crc32
except ImportError:  # ESP8266
    _hash = len

    def crc32(data, crc=0):
        crc ^= 0xFFFFFFFF
        for byte in memoryview(data):
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0xEDB88320 & -(crc & 1))
        return crc ^ 0xFFFFFFFF


if _ON_PC:
    import contextlib
    from collections.abc import ItemsView, KeysView, ValuesView
    from collections.abc import MutableMapping as _Mapping
    from os.path import realpath as _full_path
    from threading import RLock, get_ident
    from typing import Any

    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:  # Windows: a second program isn't refused there
        flock = None

    _TIP_SIZE = 131072
    _hash = len  # there is one dict only
    _encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
    _fsync = getattr(os, "fdatasync", os.fsync)
    _forked = getattr(os, "register_at_fork", lambda **_: None)

    def _encode(value):
        return _encoder.encode(value).encode()

    def _may_round(text):
        return False  # a double's text is exact

    def _last_key(data):
        return next(reversed(data))

    def _task():
        """Return the asyncio task that runs, or None."""
        try:
            return sys.modules["asyncio"].current_task()
        except (KeyError, RuntimeError):
            return None

    class _Lock:
        def __init__(self):
            self.native = RLock()
            self.acquire = self.native.acquire
            self.release = self.native.release
            self.is_mine = self.native._is_owned
            self.block = None
            self.busy = False

    def _create(path, like):
        """Open a new file for writing, with the mode and owner of like. Follow no link."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        if not os.path.exists(like):
            return open(path, "xb")
        file = open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
        stat = os.stat(like)
        if os.name == "posix":
            if (stat.st_uid, stat.st_gid) != (os.geteuid(), os.getegid()):
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), stat.st_uid, stat.st_gid)
            os.fchmod(file.fileno(), stat.st_mode & 0o7777)
        return file

    def _sync(file, start):
        """Make durable what was written behind start. Files grow by pages: that syncs faster."""
        end = file.tell()
        if -start % 4096 < end - start:
            file.write(((b" " * 63 + b"\n") * 64)[end % 4096 :])
        _flush(file)
        if not start:
            _sync_folder(file.name)

    def _flush(file):
        file.flush()
        _fsync(file.fileno())

    def _rename(old, new):
        os.replace(old, new)
        _sync_folder(new)

    def _sync_folder(path):
        if os.name == "posix":
            folder = os.open(os.path.dirname(path), os.O_RDONLY)
            try:
                os.fsync(folder)
            except OSError as error:
                if error.errno != 22:  # EINVAL: this file system has no such thing
                    raise
            finally:
                os.close(folder)

    def _claim(path):
        """Refuse a database that another program has open. Return what holds the claim."""
        while flock:
            try:
                claim = os.open(path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            except PermissionError:
                break  # nothing can be written here, so nothing can be lost
            try:
                flock(claim, LOCK_EX | LOCK_NB)
                if os.path.exists(path + ".lock") and os.path.samestat(
                    os.fstat(claim), os.stat(path + ".lock")
                ):  # else the other one has just closed it
                    with contextlib.suppress(OSError):  # a full disk
                        os.ftruncate(claim, 0)
                        os.write(claim, b"%d" % os.getpid())
                    return claim
            except BlockingIOError:
                other = os.read(claim, 20).decode()
                os.close(claim)
                raise OSError(
                    16,  # EBUSY
                    "%s is open in another program, process %s: close it there" % (path, other),
                ) from None
            os.close(claim)

    def _disclaim(path, claim):
        if claim is not None:
            os.unlink(path + ".lock")
            os.close(claim)

    def _disown():
        """In a forked child the databases are the parent's."""
        _lock.__init__()
        for db in _open_ones.values():
            db._ended = "is the parent process's: close it before the fork, or open another"
            db._data = _NOTHING
            if db._claimed is not None:
                os.close(db._claimed)
        _open_ones.clear()

    _forked(after_in_child=_disown)

    class _Guard:
        """A block, to use with ``with``: Ctrl-C can strike as a function is entered, before its
        first line, so that no __exit__ runs. A generator is ended when nothing holds it."""

        def __init__(self, block):
            self.block = block

        def __enter__(self):
            if self.block.begun:
                raise RuntimeError(_ENTERED_TWICE)
            self.generator = self.run(self.block)
            return next(self.generator)

        def __exit__(self, kind, error, trace):
            if kind is None:
                next(self.generator, None)
                return
            try:
                self.generator.throw(error)
            except BaseException as raised:
                if raised is not error:
                    raise

        @staticmethod
        def run(block):
            kind = None
            try:
                block.__enter__()
                try:
                    yield block.db
                except GeneratorExit:
                    block.undo = True  # nobody waits for what it did
                    kind = GeneratorExit
                    raise
                except BaseException as error:
                    kind = type(error)
                    raise
                finally:
                    block.__exit__(kind, None, None)
            finally:
                while block.begun and not block.ended:
                    with contextlib.suppress(KeyboardInterrupt):
                        _end_all(block)

    class _Items(ItemsView):
        def __iter__(self):
            return self._mapping._items()

    class _Values(ValuesView):
        def __iter__(self):
            return (value for key, value in self._mapping._items())

else:
    _rename = os.rename
    _Guard = _claim = lambda it: it
    _Mapping = object
    _TIP_SIZE = 120 if "esp" in sys.platform else 448

    try:
        from _thread import allocate_lock, get_ident
    except ImportError:  # ESP8266: one thread
        get_ident = int

        class allocate_lock:
            acquire = release = __enter__ = __exit__ = lambda *_: None

    def _encode(value):
        # A str does for the bytes of its UTF-8, without a copy.
        return json.dumps(value, separators=(",", ":"))

    try:
        _encode(0)
    except TypeError:  # old firmware
        _encode = json.dumps

    def _may_round(text):
        """Whether there may be a float in a JSON text: all of them have one of these."""
        return "." in text or "e" in text

    def _last_key(data):
        return next(iter(data))

    def _task():
        """Return the asyncio task that runs, or None."""
        for name in ("asyncio.core", "uasyncio.core"):
            if name in sys.modules:
                return sys.modules[name].cur_task

    class _Lock:
        # A callback runs where code branches: between the two lines of a method it can't.

        def __init__(self):
            self.native = allocate_lock()
            self.owner = None  # the thread that has it
            self.block = None
            self.busy = False

        def is_mine(self):
            return self.owner == get_ident()

        def acquire(self):
            self.native.acquire()
            self.owner = get_ident()

        def release(self):
            self.owner = None
            self.native.release()

    def _create(path, like):
        return open(path, "wb")

    def _flush(file):
        file.flush()

    def _sync(file, start):
        file.flush()

    def _disclaim(path, claim):
        pass

    def _full_path(path):
        full = ""
        for name in (path if path[:1] == "/" else os.getcwd() + "/" + path).split("/"):
            if name == "..":
                full = full[: full.rfind("/")]
            elif name and name != ".":
                full += "/" + name
        return full or "/"


_EIO = const(5)
_ENOENT = const(2)
_ENOENT_IN_A_BROWSER = const(44)
_EISDIR = const(21)
_EINVAL = const(22)
_ERASE = const(4096)  # bytes of flash that are erased at once


# Values: what can be stored, and how it is copied and compared.

_MISSING = object()  # stands for the value of a key that isn't there
_NESTED = (dict, list)
_MOST_DEPTH = const(16)  # a board with a small stack must be able to save it too
_MOST_BITS = const(14284)  # of an int: 4,300 digits, which is all that CPython reads
_FLOAT_ROUNDS = const(9)


def _problem(value, depth=0):
    """Return why value can't be stored: the kind of error, and a text that begins with where.

    Return None if it can.
    """
    if isinstance(value, str):
        data = value.encode() if not _ON_PC else value.encode("utf-8", "surrogatepass")
        for rest in data.split(b"\xed")[1:]:
            if rest[0] > 0x9F:
                return ValueError, ": can't store a surrogate, half of a character"
    elif isinstance(value, float):
        if value * 0 != 0:
            return ValueError, ": can't store %s, JSON has no number for it" % value
    elif isinstance(value, (dict, list, tuple)):
        if depth == _MOST_DEPTH:
            return ValueError, ": nests too deep, or contains itself"
        keyed = isinstance(value, dict)
        for key in value if keyed else range(len(value)):
            where = '["%s"]' if keyed else "[%r]"
            if keyed and not isinstance(key, str):
                return TypeError, "[%r]: a key must be a str" % (key,)
            found = _problem(value[key], depth + 1) or (keyed and _problem(key))
            if found:
                return found[0], where % key + found[1]
    elif isinstance(value, int):
        if value >> _MOST_BITS not in (0, -1):
            return ValueError, ": can't store an int of more than 4,300 digits"
    elif value is not None and value is not True and value is not False:
        name = type(value).__name__
        return TypeError, ": can't store a%s %s" % ("n" if name[0] in "aeiou" else "", name)
    return None


def _check(key, value):
    """Raise TypeError or ValueError, saying where in db the value is that can't be stored."""
    if not isinstance(key, str):
        raise TypeError("db[%r]: a key must be a str" % (key,))
    try:
        found = _problem(value) or _problem(key)
    except RuntimeError:  # the stack is full
        found = ValueError, ": nests too deep for the stack that is left"
    if found:
        raise found[0]('db["%s"]%s' % (key, found[1]))


def _parse(text):
    """Return what a JSON text says. Raise ValueError for a number too large for this board."""
    value = json.loads(text)
    if b"e+" in text:
        found = _problem(value)
        if found:
            raise found[0]("a value is too large for this board: " + found[1])
    return value


def _read_back(value):
    """Return a copy of value, as it is read after a reboot."""
    copy = json.loads(_encode(value))
    if isinstance(copy, _NESTED):
        _own(copy, None)
    elif isinstance(copy, float):
        for _ in range(_FLOAT_ROUNDS):  # until its text is exact
            value = copy
            copy = json.loads(_encode(value))
            if copy == value:
                break
    return copy


def _containers(value, ids):
    """Add the ids of all dicts and lists inside of value to the set ids."""
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, _NESTED):
            ids.add(id(item))
            _containers(item, ids)


def _own(value, ids):
    """Give value, in place, contents of its own: as they are read after a reboot.

    What was put in is replaced by a copy: a tuple, a float whose text is rounded, a dict or list
    that is not among ids (None: all are its own).
    """
    for key in value if isinstance(value, dict) else range(len(value)):
        item = value[key]
        kind = type(item)
        if kind is int or kind is str or item is None or item is True or item is False:
            continue
        if (kind is dict or kind is list) and (ids is None or id(item) in ids):
            if ids is not None:
                ids.discard(id(item))  # if it is there twice, the second becomes a copy
            _own(item, ids)
        else:
            value[key] = _read_back(item)


def _is_same(a, b):
    """Whether a and b are the same JSON: 1, 1.0 and True are not, nor 0.0 and -0.0."""
    if type(a) is not type(b) or a != b:
        return False
    if isinstance(a, _NESTED):
        for key in a if isinstance(a, dict) else range(len(a)):
            if not _is_same(a[key], b[key]):
                return False
        return True
    return str(a) == str(b)


def _pack(value):
    """Return a dict or list as bytes, its JSON text: a snapshot. All else is its own snapshot."""
    if isinstance(value, _NESTED):
        value = _encode(value)
        if not _ON_PC:
            value = value.encode()
    return value


# The store: the files.

_SEAL_SIZE = const(33)
_RECORD_END = const(10)  # bytes: mark, chain, newline
_PIECE = const(512)


def _bits(crc):
    """Return the line, blank to a JSON reader, that holds a CRC."""
    return "{:032b}\n".format(crc).replace("0", " ").replace("1", "\t").encode()


def _crc_in(line):
    """Return the CRC that such a line holds, None if it is no such line."""
    if len(line) != _SEAL_SIZE or line.replace(b" ", b"").replace(b"\t", b"") != b"\n":
        return None
    return int(line[:-1].replace(b" ", b"0").replace(b"\t", b"1").decode(), 2)


def _if_there(call, path):
    try:
        return call(path)
    except OSError as error:
        if error.args[0] not in (_ENOENT, _ENOENT_IN_A_BROWSER):
            raise
    return None


def _size(path):
    """Return the file's length in bytes, 0 if there is none."""
    stat = _if_there(os.stat, path)
    if stat is None:
        return 0
    if stat[0] & 0xF000 == 0x4000:
        raise OSError(_EISDIR, path + " is a folder")
    if stat[0] & 0xF000 != 0x8000:
        raise OSError(_EINVAL, path + " is no regular file")
    return stat[6]


def _read_line(file):
    """Return the next line, in one piece of its own length however long it is."""
    start = file.tell()
    line = file.readline(_PIECE)
    size = len(line)
    if size < _PIECE or line.endswith(b"\n"):
        return line
    while line and not line.endswith(b"\n"):
        line = file.readline(_PIECE)
        size += len(line)
    file.seek(start)
    return file.read(size)


def _follows(line, chain):
    """Whether a line of a journal is a record that continues the chain."""
    if line[:2] != b'["' or line[-1:] != b"\n":
        return False
    return line[1 - _RECORD_END :] == b"%08x\n" % crc32(memoryview(line)[: 1 - _RECORD_END], chain)


def _chain_of(line):
    """Return the chain at a record's end, None if the line doesn't end as a record does."""
    try:
        return int(line[1 - _RECORD_END : -1].decode(), 16) if len(line) > _RECORD_END else None
    except ValueError:
        return None


def _is_last(line):
    """Whether a record is the last of its batch."""
    return line[-_RECORD_END : 1 - _RECORD_END] == b" "


def _change_in(line):
    """Return what a record says: {key: value}, or {key: _MISSING} if it deletes."""
    line = line[:-_RECORD_END]
    record = _parse(line)
    return {record[0]: record[1] if len(record) > 1 else _MISSING}


def _end_record(file, mark, chain):
    chain = crc32(mark, chain)
    file.write(mark + b"%08x\n" % chain)
    return chain


def _is_whole(file):
    """Whether a JSON text ends where it should. Firmware before 1.26 reads one that was cut."""
    depth = 0
    in_text = escaped = False
    file.seek(0)
    while True:
        piece = file.read(_PIECE)
        if not piece:
            return depth == 0 and not in_text
        for byte in piece:
            if escaped:
                escaped = False
            elif byte == 0x22:  # "
                in_text = not in_text
            elif in_text:
                escaped = byte == 0x5C  # \
            elif byte == 0x7B or byte == 0x5B:  # { [
                depth += 1
            elif byte == 0x7D or byte == 0x5D:  # } ]
                depth -= 1


def _join_surrogates(text):
    """Return a JSON text in which both halves of a character are one: a board's JSON reader makes
    two surrogates of an escaped emoji."""
    parts = text.split(b"\xed")
    text = parts[0]
    high = 0
    for part in parts[1:]:
        code = (part[0] & 0x3F) << 6 | part[1] & 0x3F
        if high and code >= 0xC00:
            text += chr(0x10000 + ((high & 0x3FF) << 10) + (code & 0x3FF)).encode() + part[2:]
            high = 0
        elif 0x800 <= code < 0xC00 and len(part) == 2:
            high = code
        else:
            text += b"\xed" + part
    return text


def _record(key, value):
    """Return a key and a copy of a value as they are to be stored, and the record's text.

    Raises TypeError or ValueError if they can't be.
    """
    _check(key, value)
    try:
        text = _encode((key, value))
        record = json.loads(text)
    except RuntimeError:  # the stack is full
        raise ValueError('db["%s"]: nests too deep for the stack that is left' % key) from None
    if _may_round(text):
        _own(record, None)
        text = _encode(record)
    return record[0], record[1], text


class _Store:
    """The files of one database. It knows records and batches, but no dicts, blocks and locks."""

    def __init__(self, path):
        self.path = path
        self.seal = None  # the CRC in X's seal; None if another program made X
        self.size = 0  # of X, in bytes
        self.chain = None  # the one at the journal's end
        self.log = 0  # how many bytes of X.log count
        self.tip = 0
        self.batches = 0  # how many were made durable, folds too
        self.failed = None  # (file, place) of a batch that failed, but may be there whole
        self.must_fold = False  # whether the journal can't be gone on with

    def read(self):
        """Yield what the files say, as dicts: a key's value, _MISSING if it is deleted.

        Raises ValueError if they are damaged, or not a database's. Changes nothing, but finishes
        the rename of X.tmp that FAT was cut in: it removes the old X first.
        """
        path = self.path
        if not _size(path) and _size(path + ".tmp"):
            with open(path + ".tmp", "rb") as file:
                is_whole = self._is_sealed(file)
            if is_whole:
                _rename(path + ".tmp", path)
        self.size = _size(path)
        journal = _size(path + ".log") + _size(path + ".tip")
        if not self.size:
            if journal:
                raise ValueError(
                    "%s is missing or empty, but its journal isn't (.log, .tip): restore it, or "
                    "remove these too" % path
                )
            return
        with open(path, "rb") as file:
            end, older, seal = self._ends(file)
            if seal is None:
                if journal:
                    raise ValueError(
                        "%s was edited or replaced, but its journal is there (.log, .tip): what "
                        "they say belongs to another %s. Restore that, or remove them"
                        % (path, path)
                    )
                for part in self._read_foreign(file):
                    yield part
                return
            for part in self._read_sealed(file, end, seal):
                yield part
        self.seal = self.chain = seal
        if journal:
            self.log = yield from self._follow(".log", 0)
            self.tip = yield from self._follow(".tip", 0)
            # The log is broken, but what is in the way is in the tip, too.
            if (yield from self._follow(".log", self.log)) > self.log:
                self.must_fold = True
            self._look_for_damage(older)

    def is_as_read(self):
        """Whether X is still the file that was read or written last."""
        try:
            with open(self.path, "rb") as file:
                return self._is_sealed(file) and self._ends(file)[2] == self.seal
        except OSError:
            return False

    def _ends(self, file):
        """Return where the text ends, the CRC of the X before and that of the seal, or None."""
        end = file.seek(0, 2) - _SEAL_SIZE
        file.seek(max(end - _SEAL_SIZE, 0))
        lines = file.read()
        older = _crc_in(lines[-2 * _SEAL_SIZE : -_SEAL_SIZE])
        file.seek(0)
        return end, older, _crc_in(lines[-_SEAL_SIZE:])

    def _is_sealed(self, file):
        end, _, seal = self._ends(file)
        if seal is None:
            return False
        crc = 0
        while end > 0:
            piece = file.read(min(end, _PIECE))
            if not piece:
                return False
            end -= len(piece)
            crc = crc32(piece, crc)
        return crc == seal

    def _read_sealed(self, file, left, seal):
        crc = 0
        text = b""
        try:
            while left > 0:
                piece = file.read(min(_PIECE, left))
                if not piece.endswith(b"\n"):
                    piece += _read_line(file)
                left -= len(piece)
                if not piece.endswith(b",\n") and left > 0:
                    piece += file.read(left)  # the last key's, and what ends the file
                    left = 0
                crc = crc32(piece, crc)
                if left > 0:
                    piece = piece[:-2]
                    text = b"".join((text, piece, b"}"))
                else:
                    text += piece
                piece = None
                yield _parse(text)
                text = b"{"
        except (ValueError, TypeError) as error:
            if "too large" in str(error):
                raise ValueError("%s: %s" % (self.path, error)) from None
            crc = None
        if crc != seal:
            raise ValueError(
                "%s is damaged: its checksum does not match. If you edited it by hand, delete its "
                "last, blank line; else restore a backup" % self.path
            )

    def _read_foreign(self, file):
        path = self.path
        try:
            data = json.load(file)
        except ValueError as error:
            raise ValueError("%s is damaged, or no JSON: %s" % (path, error)) from None
        if not isinstance(data, dict):
            raise ValueError("%s is no database: it holds no JSON object" % path)
        if not _is_whole(file):
            raise ValueError("%s is damaged: its end is missing" % path)
        for key in data:
            value = data[key]
            try:
                found = _problem({key: value})
            except RuntimeError:
                found = ValueError, ": nests too deep"
            if found and "surrogate" in found[1]:
                text = _pack([{key: value}])
                if b"\xed" in text:
                    text = _join_surrogates(text)
                (part,) = json.loads(text)
                found = _problem(part)
                if not found:
                    yield part
                    continue
            if found:
                raise ValueError("%s can't be opened: db%s" % (path, found[1]))
            yield {key: value}

    def _follow(self, name, start):
        """Yield the changes in a journal file, from start on, whose batches continue the chain.

        Return where the last of these ends. What is behind it is overwritten by the next one.
        """
        name = self.path + name
        if not _size(name):
            return 0
        with open(name, "rb") as file:
            end = begin = start
            chain = self.chain
            file.seek(start)
            while True:
                at = file.tell()
                line = _read_line(file)
                if not line:
                    return end
                if not _follows(line, chain):
                    continue
                if chain == self.chain:
                    begin = at
                chain = _chain_of(line)
                if not _is_last(line):
                    continue
                if begin == at:
                    yield _change_in(line)
                else:
                    file.seek(begin)
                    while file.tell() <= at:
                        line = _read_line(file)
                        if line.strip():
                            yield _change_in(line)
                end = file.tell()
                self.chain = chain

    def _look_for_damage(self, older):
        """Raise ValueError if acknowledged batches follow on what broke the chain.

        A journal that went on from the X before, older, is stale. (What the first edition wrote
        doesn't tell: there, a file in which nothing counts is taken for stale.)
        """
        path = self.path
        for name, end, other in ((".log", self.log, ".tip"), (".tip", self.tip, ".log")):
            if not _size(path + name):
                continue
            with open(path + name, "rb") as file:
                if not end and older is not None and _follows(_read_line(file), older):
                    return
                if not end and older is None and (name == ".log" or not self.log):
                    continue
                file.seek(end)
                proof = self._acknowledged_in(file)
            if proof and not self._has_line(other, proof):
                raise ValueError(
                    "%s%s is damaged: a record of it is broken, and whole ones follow. Restore a "
                    "backup; mtdb.py check tells more" % (path, name)
                )

    def _acknowledged_in(self, file):
        """Return the end of the last batch that is known to have been whole, None if none is.

        It is one that is whole and continues another batch: that was synced when this was written.
        """
        proof = None
        chains = ()  # which a record may continue to begin a batch
        inside = None  # the chain within a batch that is whole so far
        first = True
        while True:
            line = _read_line(file)
            if not line:
                return proof
            if not line.strip():
                continue
            if first:  # its text may be broken, or its chain, or the newline
                chains = (_chain_of(line), crc32(line[: 1 - _RECORD_END], self.chain))
                first = False
                at = line.find(b'["', 2)
                while at > 0:
                    chain = _chain_of(line[:at])
                    if chain is not None and _follows(line[at:], chain) and _is_last(line):
                        proof = line
                    at = line.find(b'["', at + 1)
                if not _is_last(line) and line[-_RECORD_END : 1 - _RECORD_END] == b"+":
                    chains = ()
                continue
            chain = _chain_of(line)
            begins = [it for it in chains if it is not None and _follows(line, it)]
            follows = begins or (inside is not None and _follows(line, inside))
            inside = chain if follows else None
            chains = ()
            if _is_last(line):
                if inside is not None:
                    proof = line
                chains = (chain,)
                inside = None

    def _has_line(self, name, line):
        if _size(self.path + name):
            with open(self.path + name, "rb") as file:
                while True:
                    other = _read_line(file)
                    if not other:
                        break
                    if other == line:
                        return True
        return False

    def clear_leftovers(self):
        """Remove journal files in which nothing counts."""
        if not self.tip:
            _if_there(os.remove, self.path + ".tip")
        if not self.log:
            _if_there(os.remove, self.path + ".log")

    def is_due_to_fold(self, size, tip_size):
        """Whether to fold instead of appending so many bytes.

        When the journal gets longer than twice X, or X is short enough to be inline, too.
        """
        if self.tip + size <= tip_size:
            return False
        return self.log + self.tip + size > 2 * (self.size - tip_size)

    def append(self, texts, size, tip_size):
        """Make one batch durable: a record for each of the texts, together about size bytes.

        If it raises, nothing of it counts once settle() has worked.
        """
        if not (self.log or self.tip):
            self.clear_leftovers()
        spill = self.tip + size > tip_size
        start = self.log if spill else self.tip
        tip = self.tip if spill else 0
        name = self.path + (".log" if spill else ".tip")
        self.failed = name, start + tip
        try:
            end, chain = self._write_batch(name, start, tip, texts)
        except BaseException:
            try:
                self.settle()
            except (OSError, MemoryError):
                pass  # the next write does it
            raise
        if spill:
            self.log = end
            end = 0
        self.tip = end
        self.chain = chain
        self.failed = None
        self.batches += 1

    def _write_batch(self, name, start, tip, texts):
        chain = self.chain
        with open(name, "r+b") if start else _create(name, self.path) as file:
            file.seek(start)
            if tip:
                self._copy_tip(file)
            is_first = True
            for text in texts:
                if not is_first:
                    chain = _end_record(file, b"+", chain)
                is_first = False
                chain = crc32(text, chain)
                file.write(text)
            chain = _end_record(file, b" ", chain)
            end = file.tell()
            # littlefs copies the last block at each append: where that is too much for what is
            # appended, go on in a fresh block.
            most = 16 * (end - start)
            while name.endswith(".log") and end % _ERASE > most:
                end += file.write(b" " * min(62, -end % _ERASE - 1) + b"\n")
            _sync(file, start)
        return end, chain

    def _copy_tip(self, file):
        left = self.tip
        with open(self.path + ".tip", "rb") as source:
            while left:
                text = source.read(min(left, 64))
                if not text:
                    self.must_fold = True
                    raise OSError(_EIO, self.path + ".tip got shorter")
                left -= file.write(text)

    def settle(self):
        """Make a batch void that has failed, but may be there whole. It takes no room."""
        if self.failed:
            name, place = self.failed
            if _size(name) > place:
                with open(name, "r+b") as file:
                    file.seek(place)
                    file.write(b"\n")
                    _flush(file)
            self.failed = None

    def fold(self, items):
        """Write X anew with all the items, (key, value) pairs. Then the journal is stale."""
        path = self.path
        if self.must_fold and not _size(path) and _size(path + ".tmp"):
            _rename(path + ".tmp", path)  # the last fold was cut there: X.tmp is all there is
        self.clear_leftovers()
        seal, size = self.write(path, items, self.seal or 0)
        was = self.must_fold
        self.must_fold = True
        try:
            _rename(path + ".tmp", path)
        except OSError:
            if _size(path) and _size(path + ".tmp"):
                self.must_fold = was  # nothing has happened
            raise
        self.size = size
        self.log = self.tip = 0
        self.seal = self.chain = seal
        self.failed = None
        self.must_fold = False
        self.batches += 1

    def write(self, path, items, older):
        """Write all the items to path.tmp, synced. Return its CRC and its length."""
        path += ".tmp"
        file = _create(path, self.path)
        try:
            with file:
                crc = 0
                comma = b"{\n"
                for key, value in items:
                    value = value if isinstance(value, bytes) else _encode(value)
                    for text in (comma, _encode(key), b":", value):
                        crc = crc32(text, crc)
                        file.write(text)
                    comma = b",\n"
                end = (b"\n" if crc else comma) + b"}\n" + _bits(older)
                crc = crc32(end, crc)
                file.write(end + _bits(crc))
                size = file.tell()
                _flush(file)
            return crc, size
        except BaseException:
            os.remove(path)
            raise

    def remove_journal(self):
        for name in (".tmp", ".tip", ".log"):
            _if_there(os.remove, self.path + name)


# The block: what lock() and transaction() do, and the one lock of the program.

_ENTERED_TWICE = "a block can be entered once: call lock() or transaction() anew"

# File systems are not thread-safe, so all databases of a program share one lock. It knows what its
# owner is doing: the innermost block that is open (.block), and whether the module itself is at
# work (.busy), when a callback on the same thread can read, but not write.
_lock = _Lock()
_open_ones = {}  # full path: the database that has it open


def _locked(function, *args):
    """Return function(*args), while no other thread is in a block.

    The function has to be in C, so that no callback can run in it.
    """
    if _lock.is_mine():
        return function(*args)
    with _lock.native:
        return function(*args)


def _exclusively(function, *args):
    """Return function(*args), while no other thread or task is in a block and no callback writes.

    Raises RuntimeError if that can't be: in a callback while the module is at work, or in a task
    while another one is in a block.
    """
    mine = _lock.is_mine()
    if mine:
        _must_be_free()
    try:
        if not mine:
            _lock.acquire()
        _lock.busy = True
        return function(*args)
    finally:
        if _lock.is_mine():
            _lock.busy = False
            if not mine:
                _lock.release()


def _must_be_free():
    if _lock.busy:
        raise RuntimeError(
            "busy: a callback can't write while a database is being written. Set a flag, and "
            "write in the main loop"
        )
    if _lock.block and _lock.block.task is not _task():
        raise RuntimeError("busy: another task is in a block. Don't await in a block")


def _end_all(block):
    """Roll back the block and all that are open within it or around it. Free the lock."""
    inner = _lock.block
    while inner:
        inner.roll_back()
        inner.ended = True
        inner = inner.outer
    block.ended = True
    if _lock.is_mine():
        _lock.block = None
        _lock.busy = False
        _lock.release()


class _Block:
    """A lock() or transaction() block of one database."""

    def __init__(self, db, undo):
        self.db = db
        self.undo = undo  # whether an exception rolls it back
        self.begun = self.ended = False

    def __enter__(self):
        mine = _lock.is_mine()
        if self.begun:
            raise RuntimeError(_ENTERED_TWICE)
        if mine:
            _must_be_free()
        try:
            if not mine:
                _lock.acquire()
            if self.begun:  # by another thread, meanwhile
                raise RuntimeError(_ENTERED_TWICE)
            self.begin()
            return self.db
        except BaseException:
            if not mine and _lock.is_mine() and _lock.block is None:
                _lock.release()
            raise

    def begin(self):
        self.db._must_be_open()
        self.outer = _lock.block
        self.parent = self.outer  # the one of the same database around it
        while self.parent and self.parent.db is not self.db:
            self.parent = self.parent.outer
        self.task = _task()
        self.order = None  # on a PC, the keys' order before the first was deleted
        if self.parent and not self.undo:
            self.reads = self.parent.reads
            self.writes = self.parent.writes
        else:
            # What was there before, by slot and key. Of a dict or list that was read, and may be
            # changed in place: its snapshot, and the ids of the dicts and lists inside. Of a key
            # that was set or deleted: its snapshot, or _MISSING.
            self.reads = {}
            self.writes = {}
        self.begun = True
        _lock.block = self

    def __exit__(self, kind, error, trace):
        if self.ended:
            raise RuntimeError(
                "this block was rolled back, since blocks were not ended from the inside out: "
                "don't await or yield in a block"
            )
        if not _lock.is_mine():
            raise RuntimeError("a block must be ended by the thread that began it")
        if _lock.block is not self:
            _end_all(self)
            raise RuntimeError(
                "a block was ended before one within it: both were rolled back. Don't await or "
                "yield in a block"
            )
        _lock.busy = True
        try:
            if kind and self.undo:
                self.roll_back()
            else:
                self.commit()
        finally:
            self.ended = True
            _lock.block = self.outer
            _lock.busy = False
            if not self.outer:
                _lock.release()

    def read(self, key, value):
        """Note a dict or list that is read: it may be changed in place."""
        slot = _hash(key) % _SLOTS
        reads = self.reads.setdefault(slot, {})
        if key not in reads and key not in self.writes.get(slot, ()):
            before = self.snapshot(key, value)
            ids = set()
            if before is not value:
                _containers(value, ids)
            reads[key] = before, ids

    def snapshot(self, key, value):
        """Return value packed, but as it is if it was changed to what can't be stored."""
        if self.db._lent and isinstance(value, _NESTED):
            try:
                _check(key, value)
            except (TypeError, ValueError):
                return value
        return _pack(value)

    def put(self, key, value):
        """Set a key or, with _MISSING, delete it."""
        slot = _hash(key) % _SLOTS
        data = self.db._data[slot]
        writes = self.writes.setdefault(slot, {})
        if key not in writes:
            read = self.reads.get(slot, {}).get(key)
            writes[key] = read[0] if read else self.snapshot(key, data.get(key, _MISSING))
            if read:
                del self.reads[slot][key]
        if value is not _MISSING:
            data[key] = value
        else:
            if _ON_PC and self.order is None:
                self.order = list(data)
            del data[key]

    def changed(self):
        """Yield slot and key of all that may have to be saved."""
        for slot in self.writes:
            data = self.db._data[slot]
            writes = self.writes[slot]
            for key in writes:
                old = writes[key]
                # One that was a dict or list may have had changes that weren't saved.
                if isinstance(old, (bytes, dict, list)) or not _is_same(
                    old, data.get(key, _MISSING)
                ):
                    yield slot, key
        for slot in self.reads:
            data = self.db._data[slot]
            reads = self.reads[slot]
            for key in reads:
                if not self.is_packed_as(data[key], reads[key][0]):
                    yield slot, key

    def is_packed_as(self, value, before):
        try:
            return _pack(value) == before
        except (TypeError, ValueError, RuntimeError):
            return False  # changed to what can't be stored: prepare() says why

    def prepare(self):
        """See that all can be saved, and make it plain. Return about how many bytes it is."""
        size = 0
        for slot, key in self.changed():
            value = self.db._data[slot].get(key, _MISSING)
            if isinstance(value, _NESTED):
                _check(key, value)
                read = self.reads.get(slot, {}).get(key)
                _own(value, read and read[1])
            size += len(self.text(key, value)) + _RECORD_END
        return size

    def text(self, key, value):
        if value is _MISSING:
            return _encode((key,))
        if isinstance(value, bytes):
            value = json.loads(value)
        return _encode((key, value))

    def texts(self):
        for slot, key in self.changed():
            yield self.text(key, self.db._data[slot].get(key, _MISSING))

    def commit(self):
        """Make the changes durable or, in a block within a block, the outer one's."""
        if self.parent and not self.undo:
            return  # they are the outer one's already
        batches = self.db._store.batches
        try:
            size = self.prepare()
            if self.parent:
                self.hand_over()
            elif size:
                self.db._save(self.texts(), size)
        except BaseException:
            if self.db._store.batches == batches:
                self.roll_back()
            raise

    def hand_over(self):
        """Add the snapshots to the outer block's, where that has none."""
        for slot in self.writes:
            writes = self.parent.writes.setdefault(slot, {})
            reads = self.parent.reads.get(slot, {})
            for key in self.writes[slot]:
                if key not in writes:
                    writes[key] = reads[key][0] if key in reads else self.writes[slot][key]
                reads.pop(key, None)
        for slot in self.reads:
            writes = self.parent.writes.get(slot, ())
            reads = self.parent.reads.setdefault(slot, {})
            for key in self.reads[slot]:
                if key not in writes and key not in reads:
                    reads[key] = self.reads[slot][key]
        if self.parent.order is None:
            self.parent.order = self.order

    def roll_back(self):
        """Put back what was before. This takes no memory: a snapshot is read back when needed."""
        interrupted = False
        while self.undo or not self.parent:
            try:
                for slot in self.writes:
                    data = self.db._data[slot]
                    writes = self.writes[slot]
                    for key in writes:  # first, so that no dict needs to grow
                        if writes[key] is _MISSING:
                            data.pop(key, None)
                    for key in writes:
                        if writes[key] is not _MISSING:
                            data[key] = writes[key]
                for slot in self.reads:
                    data = self.db._data[slot]
                    reads = self.reads[slot]
                    for key in reads:
                        data[key] = reads[key][0]
                if self.order:
                    data = self.db._data[0]
                    for key in self.order:
                        data[key] = data.pop(key)
                break
            except KeyboardInterrupt:
                interrupted = True
        if interrupted:
            raise KeyboardInterrupt


# The database.


def _is_same_file(path, other):
    """Whether two full paths lead to one file, as they do on FAT if only letter case differs."""
    if path == other:
        return True
    if path.lower() != other.lower() or _if_there(os.stat, path) is None:
        return False
    folder = ""
    for name, another in zip(path.split("/")[1:], other.split("/")[1:]):  # noqa: B905
        if name != another:
            names = os.listdir(folder or "/")
            if name in names and another in names:
                return False
        folder += "/" + name
    return True


def _must_be_free_for(path, what):
    """Raise ValueError if the path's files are also those of an open database."""
    for other in _open_ones:
        for end in ("", ".log", ".tip", ".tmp", ".lock"):
            for its in ("", ".log", ".tip", ".tmp", ".lock"):
                if (end or its or what) and (path + end).lower() == (other + its).lower():
                    raise ValueError(
                        "%s can't be used: %s%s is a file of the open database %s"
                        % (path, path, end, other)
                    )


_NOTHING = [{}] * _SLOTS


class MicroTetherDB(_Mapping):
    """A dict of str to JSON values that is kept in a file.

    MicroTetherDB(path) opens the database at path, or creates it. ``with`` closes it at the end.
    Each write is on the disk when it returns; those in a lock() or transaction() block when the
    block ends. If a write raises, nothing has changed, in memory or on disk: TypeError or
    ValueError for a key or value that can't be stored, OSError from the disk, MemoryError,
    RuntimeError in a callback or task that can't write just now.

    A value read is the dict or list itself. Changes made in it are saved by the end of the block
    that read it, or else by flush() or close(); they may reach the disk earlier.

    Raises OSError if path can't be read or made, or another program has it open; ValueError if it
    is not a database or damaged (the files are left as they are). What this program has open
    already is taken over: the older object raises ValueError from then on.
    """

    # The longest X.tip, in bytes: a little less than the longest file that littlefs stores inline,
    # which is an eighth of a block, or 4 times progsize if that is less. Yours differs? Set it.
    TIP_SIZE = _TIP_SIZE

    def __init__(self, path: "str"):
        self._path = path = _full_path(path)
        self._store = _Store(path)
        self._data = _NOTHING
        self._ended = None  # why it can't be used any more
        self._lent = False  # whether a dict or list was read outside of blocks
        self._claimed = None  # what keeps other programs out, on a PC
        _exclusively(self._named, self._open)

    def _open(self):
        path = self._path
        older = None
        for other in _open_ones:
            if _is_same_file(path, other):
                older = _open_ones[other]
        if older is None:
            _must_be_free_for(path, "")
            _size(path)
            self._claimed = _claim(path)
            try:
                self._load()
            except BaseException:
                self._end("was not opened")
                raise
        else:
            if older._block():
                raise ValueError(path + " is in a block: end that before you open it again")
            older._settle()
            for _ in self._store.read():  # if it is damaged, the older one goes on
                pass
            self._store = _Store(path)
            self._claimed = older._claimed
            older._claimed = None
            older._end("was opened again, by another MicroTetherDB(...)")
            try:
                self._load()
            except BaseException:
                self._end("was not opened")
                raise
        _open_ones[path] = self

    def _load(self):
        self._data = [{} for _ in range(_SLOTS)]
        for part in self._store.read():
            for key in part:
                data = self._data[_hash(key) % _SLOTS]
                if part[key] is _MISSING:
                    data.pop(key, None)
                else:
                    data[key] = part[key]
        if not self._store.size:
            self._store.fold(())

    def close(self) -> "None":
        """Save everything into the one JSON file and close. Writes nothing if it is all there.

        Further calls do nothing. Raises OSError if the disk is full, TypeError or ValueError for
        an in-place change that can't be stored; it is open still, then. ValueError in a block.
        """
        if self._ended is None:
            _exclusively(self._named, self._close)

    def _close(self):
        if self._ended is None:
            if self._block():
                raise ValueError(self._path + " is in a block: end that before you close it")
            if self._is_changed():
                self._fold()
            self._store.remove_journal()
            self._end("is closed")

    def _end(self, why):
        self._ended = why
        self._data = _NOTHING
        _open_ones.pop(self._path, None)
        claimed = self._claimed
        self._claimed = None
        _disclaim(self._path, claimed)

    def __enter__(self) -> "MicroTetherDB":
        self._must_be_open()
        return self

    def __exit__(self, kind: "Any", error: "Any", trace: "Any") -> "None":
        self.close()

    def __repr__(self) -> "str":
        return "<MicroTetherDB %s, %s>" % (
            self._path,
            self._ended or "%d keys" % len(self),
        )

    # The mapping: as a dict does it.

    def __getitem__(self, key: "str") -> "Any":
        """Return the value. KeyError if there is none."""
        value = self._find(key)
        if value is _MISSING:
            raise KeyError(key)
        return self._hand_out(key, value)

    def get(self, key: "str", default: "Any" = None) -> "Any":
        """Return the value, or default if there is none."""
        value = self._find(key)
        if value is _MISSING:
            return default
        return self._hand_out(key, value)

    def __contains__(self, key: "object") -> "bool":
        return self._find(key) is not _MISSING

    def __len__(self) -> "int":
        count = _locked(sum, map(len, self._data))
        if not count:
            self._must_be_open()
        return count

    def __iter__(self) -> "Any":
        """Walk the keys there are now: the loop may write and delete."""
        self._must_be_open()
        return (key for keys in _locked(list, map(list, self._data)) for key in keys)

    def _items(self):
        for key in self:
            value = self._find(key)
            if value is not _MISSING:  # deleted meanwhile
                yield key, self._hand_out(key, value)

    if _ON_PC:

        def keys(self) -> "KeysView[str]":
            """Return a view of the keys."""
            return KeysView(self)

        def values(self) -> "ValuesView[Any]":
            """Return a view of the values."""
            return _Values(self)

        def items(self) -> "ItemsView[str, Any]":
            """Return a view of the (key, value) pairs."""
            return _Items(self)

        def __reduce__(self):
            raise TypeError("a database can't be copied or pickled: use dict(db), or backup()")

    else:

        def keys(self):
            """Return a list of the keys."""
            return list(self)

        def values(self):
            """Walk the values there are now."""
            for item in self._items():
                yield item[1]

        def items(self):
            """Walk the (key, value) pairs there are now."""
            self._must_be_open()
            return self._items()

    def __eq__(self, other: "object") -> "bool":
        """Whether other is a mapping of the same keys and values."""
        if self is other:
            return True
        if not hasattr(other, "keys") or len(self) != len(other):
            return False
        for key in self:
            if key not in other or self[key] != other[key]:
                return False
        return True

    __hash__ = None

    def __setitem__(self, key: "str", value: "Any") -> "None":
        """Store a copy of the value: on the disk when it returns, or at the end of a block."""
        self._must_be_open()
        _exclusively(self._put, *_record(key, value))

    def __delitem__(self, key: "str") -> "None":
        """Delete the key. KeyError if there is none."""
        self.pop(key)

    def pop(self, key: "str", default: "Any" = _MISSING) -> "Any":
        """Delete the key; return its value, or default if there is none. Else KeyError."""
        return _exclusively(self._pop, key, default)

    def _pop(self, key, default):
        self._must_be_open()
        value = self._find(key)
        if value is not _MISSING:
            default = self._unpacked(key, value)
            self._put(key, _MISSING, _encode((key,)))
        elif default is _MISSING:
            raise KeyError(key)
        return default

    def popitem(self) -> "Any":
        """Delete a key, the newest one on a PC; return it with its value. KeyError if empty."""
        return _exclusively(self._popitem)

    def _popitem(self):
        self._must_be_open()
        for data in self._data:
            if data:
                key = _last_key(data)
                return key, self._pop(key, None)
        raise KeyError("popitem(): the database is empty")

    def setdefault(self, key: "str", default: "Any" = None) -> "Any":
        """Return the value; if there is none, store default first."""
        with self.lock():
            if key not in self:
                self[key] = default
            return self[key]

    def update(*args: "Any", **more: "Any") -> "None":
        """Take over a mapping, or (key, value) pairs, and keywords: as one batch."""
        self = args[0]
        if len(args) > 2:
            raise TypeError("update() takes one mapping, or pairs, and keywords")
        _exclusively(self._batch, self._update, args[1:] + (more,))

    def _update(self, sources):
        for pairs in sources:
            if hasattr(pairs, "keys"):
                for key in pairs.keys():
                    self._put(*_record(key, pairs[key]))
            else:
                for key, value in pairs:
                    self._put(*_record(key, value))

    def clear(self) -> "None":
        """Delete all, as one batch."""
        _exclusively(self._batch, self._clear)

    def _clear(self):
        for key in self:
            self._pop(key, None)

    def _batch(self, function, *args):
        """Call function, and save what it does as one batch or, if it raises, nothing."""
        block = _Block(self, True)
        batches = self._store.batches
        try:
            block.begin()
            function(*args)
            block.commit()
        except BaseException:
            if block.begun and self._store.batches == batches:
                block.roll_back()
            raise
        finally:
            if block.begun:
                block.ended = True
                _lock.block = block.outer

    # Blocks.

    def transaction(self) -> "_Block":
        """A block, to use with ``with``: all of it is saved at its end or, if it raises, none.

        Then all is as it was, also inside of the values that were read in the block. Other threads
        wait for its end, with all databases. Blocks nest on one thread: an inner transaction rolls
        back alone, and the outermost block saves everything, as one batch. Don't ``await`` or
        ``yield`` in a block. Raises RuntimeError for a block that is misused.
        """
        return _Guard(_Block(self, True))

    def lock(self) -> "_Block":
        """As transaction(), but if it raises, what was done so far stays and is saved."""
        return _Guard(_Block(self, False))

    # Saving.

    def flush(self) -> "None":
        """Save everything, in-place changes too, into the JSON file. Writes nothing if it is so.

        In a block it does nothing: the block saves at its end. Raises as close() does.
        """
        _exclusively(self._named, self._flush)

    def _flush(self):
        self._must_be_open()
        if self._block():
            return
        if self._is_changed() or not self._store.is_as_read():
            self._fold()
        self._store.remove_journal()

    def backup(self, path: "str") -> "None":
        """Write the data, in-place changes too, to a JSON file at path, atomically.

        Raises ValueError if that is a file of an open database, otherwise as close() does.
        """
        _exclusively(self._named, self._backup, path)

    def _backup(self, path):
        self._must_be_open()
        path = _full_path(path)
        _must_be_free_for(path, "backup")
        _size(path)
        self._make_plain()
        other = _Store(path)
        other.write(path, self._all_items(), 0)
        try:
            other.clear_leftovers()
            _rename(path + ".tmp", path)
        except OSError:
            _if_there(os.remove, path + ".tmp")
            raise

    def _must_be_open(self):
        if self._ended is not None:
            raise ValueError("%s %s" % (self._path, self._ended))

    def _find(self, key):
        """Return the value of a key, packed perhaps, or _MISSING."""
        value = _MISSING
        if isinstance(key, str):
            value = _locked(self._data[_hash(key) % _SLOTS].get, key, _MISSING)
        if value is _MISSING:
            self._must_be_open()
        return value

    def _hand_out(self, key, value):
        """Return a value that was found, to the user: who may change it in place."""
        if isinstance(value, bytes):
            value = self._unpacked(key, value)
        if isinstance(value, _NESTED):
            block = self._block()
            if block and not _lock.busy and block.task is _task():
                block.read(key, value)
            else:
                self._lent = True
        return value

    def _unpacked(self, key, value):
        """Read back a value that a rollback has left as its text."""
        if isinstance(value, bytes):
            value = json.loads(value)
            self._data[_hash(key) % _SLOTS][key] = value
        return value

    def _block(self):
        """Return the innermost open block of this database that is this thread's, or None."""
        block = _lock.block if _lock.is_mine() else None
        while block and block.db is not self:
            block = block.outer
        return block

    def _put(self, key, value, text):
        self._must_be_open()
        block = self._block()
        if block:
            block.put(key, value)
            return
        data = self._data[_hash(key) % _SLOTS]
        old = data.get(key, _MISSING)
        deletes = value is _MISSING
        if not deletes:
            if not isinstance(old, _NESTED) and _is_same(old, value):
                return
            data[key] = value  # first, as it may take memory: deleting takes none
        batches = self._store.batches
        try:
            self._save((text,), len(text) + _RECORD_END, key if deletes else None)
        finally:
            is_durable = self._store.batches != batches
            if deletes:
                if is_durable:
                    del data[key]
            elif not is_durable:
                if old is _MISSING:
                    del data[key]
                else:
                    data[key] = old

    def _save(self, texts, size, deleted=None):
        """Make a batch durable, by the journal or by a fold: without deleted, a key."""
        store = self._store
        self._settle()
        if store.seal is None or store.must_fold:
            self._named(self._fold, deleted)
            return
        if store.is_due_to_fold(size, self.TIP_SIZE):
            try:
                self._fold(deleted)
                return
            except Exception:
                if store.must_fold:
                    raise
                # No room, say, or a value changed in place that can't be stored: the journal will
                # do for now.
        try:
            self._named(store.append, texts, size, self.TIP_SIZE)
        except OSError:
            if not store.must_fold:
                raise
            self._named(self._fold, deleted)

    def _settle(self):
        """Make void what has failed. Where the disk refuses that, a fold does it."""
        try:
            self._store.settle()
        except OSError:
            self._store.must_fold = True

    def _fold(self, deleted=None):
        self._make_plain()
        self._store.fold(self._all_items(deleted))

    def _all_items(self, deleted=None):
        for data in self._data:
            for key in data:
                if key != deleted:
                    yield key, data[key]

    def _make_plain(self):
        """See that all can be saved, and give each value contents of its own."""
        if not self._lent:
            return  # nobody can have changed anything
        ids = set()
        for key, value in self._all_items():
            if isinstance(value, _NESTED):
                _check(key, value)
                _containers(value, ids)
        for _, value in self._all_items():
            ids.discard(id(value))
        for _, value in self._all_items():
            if isinstance(value, _NESTED):
                _own(value, ids)

    def _is_changed(self):
        """Whether there is anything that X doesn't say."""
        store = self._store
        if store.must_fold or store.failed or store.chain != store.seal:
            return True
        if not self._lent:
            return False
        left = len(self)
        try:
            for part in _Store(self._path).read():
                for key in part:
                    value = self._find(key)
                    if isinstance(value, bytes):
                        value = json.loads(value)
                    left -= _is_same(part[key], value)
        except (ValueError, OSError):  # X was damaged, or removed: so it is to be made anew
            return True
        return left != 0

    def _named(self, function, *args):
        """Return function(*args). An OSError shall name the path."""
        try:
            return function(*args)
        except OSError as error:
            if self._path in str(error):
                raise
            raise OSError(*(error.args[:2] + (self._path,))) from None
