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
           (a *fold*): ``X.tmp`` is written, synced and renamed over it. Its last line, 32 spaces
           and tabs, blank to any JSON reader, is the *seal*: the bits of the CRC-32 of all before
           it. A file without a seal, made by another program, is read just as well.
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
there.
"""

import gc
import json
import os
import sys

__version__ = "1.0.0"

const = [].count  # 0 of everything: on a PC. MicroPython's compiler has a const() of its own.
_BOARD = const(1)  # 0 on a PC; for a board the compiler leaves out what is for PCs only
_MASK = const(15)  # 0 on a PC; see _hash


# Where the runtimes differ: here, and hardly anywhere below.

# The keys are spread over several dicts on a board, by their _hash() & _MASK: its str hashes can
# have as few as 8 bits, which makes a dict of more keys than that slow.
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


if _BOARD:
    _rename = os.rename
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

    def _full_path(path):
        full = ""
        for name in (path if path[:1] == "/" else os.getcwd() + "/" + path).split("/"):
            if name == "..":
                full = full[: full.rfind("/")]
            elif name and name != ".":
                full += "/" + name
        return full or "/"

else:
    from collections.abc import ItemsView, MutableMapping, ValuesView
    from contextlib import contextmanager, nullcontext, suppress
    from functools import wraps
    from os.path import realpath as _full_path
    from threading import RLock as allocate_lock
    from threading import get_ident

    _hash = len
    _encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
    _fsync = getattr(os, "fdatasync", os.fsync)

    def _encode(value):
        return _encoder.encode(value).encode()

    def _create(path, like):
        """Open a new file to write, with the mode and owner of like, if there is one.

        What is at path goes: a link that somebody has put there isn't followed.
        """
        with suppress(FileNotFoundError):
            os.unlink(path)
        if not os.path.exists(like):
            return open(path, "xb")
        stat = os.stat(like)
        file = open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
        if os.name == "posix":
            with suppress(PermissionError):
                os.fchown(file.fileno(), stat.st_uid, stat.st_gid)
            os.fchmod(file.fileno(), stat.st_mode & 0o7777)
        return file

    def _sync(file, new):
        file.flush()
        _fsync(file.fileno())
        if new:
            _sync_folder(file.name)

    class _Items(ItemsView):
        def __iter__(self):
            return self._mapping._items()

    class _Values(ValuesView):
        def __iter__(self):
            return (value for key, value in self._mapping.items())

    def _exact(value):
        """An Enum's member, say, is stored as the int or str that it stands for."""
        if isinstance(value, (int, str)) and type(value) not in (int, bool, str):
            value = json.loads(_encode(value))
        return value

    def _rename(old, new):
        os.replace(old, new)
        _sync_folder(new)

    # Ctrl-C can strike as a function is entered, before its first line: no __exit__ runs then. A
    # ``with`` block is a generator, which is ended when nothing holds it any more, the exception
    # neither. An operation of the database has its block, commit and restore in one frame.

    def _end(block, function):
        """Call function to end the block, after those within that Ctrl-C has left open.

        Or nothing, if an outer block has ended it.
        """
        inner = block.db._block
        while inner and inner is not block:
            inner = inner.outer
        if inner:
            while block.db._block is not block:
                block.db._block.restore()
                block.db._block = block.db._block.outer
            function()

    @contextmanager
    def _guard(block):
        block.__enter__()
        try:
            try:
                yield block.db
            except GeneratorExit:
                raise
            except BaseException:
                if not block.undo:
                    _end(block, block.commit)
                raise
            _end(block, block.commit)
        except BaseException:
            interrupted = False
            while True:
                try:
                    _end(block, block.restore)
                    break
                except KeyboardInterrupt:
                    interrupted = True
            if interrupted:
                raise KeyboardInterrupt from None
            raise
        finally:
            if block.db._block is block:
                block.db._block = block.outer
                block.lock.release()

    def _guarded(db, undo):
        """A block to use with ``with``. An operation's own block is there already."""
        block = db._block
        if block and block.is_new and block.owner == get_ident():
            block.is_new = False
            return nullcontext()
        return _guard(_Block(db, undo))

    def _uninterrupted(method):
        @wraps(method)
        def run(*args, **more):
            self = args[0]
            block = self._block
            if block and block.owner == get_ident():
                return method(*args, **more)
            block = _Block(self, True)
            block.__enter__()
            block.is_new = True
            try:
                result = method(*args, **more)
                _end(block, block.commit)
                return result
            except BaseException:
                interrupted = False
                while True:
                    try:
                        _end(block, block.restore)
                        break
                    except KeyboardInterrupt:
                        interrupted = True
                if interrupted:
                    raise KeyboardInterrupt from None
                raise
            finally:
                self._block = None
                block.lock.release()

        return run

    def _sync_folder(path):
        if os.name == "posix":
            folder = os.open(os.path.dirname(path), os.O_RDONLY)
            try:
                os.fsync(folder)
            except OSError as error:
                if error.errno != 22:  # EINVAL: this file system can't
                    raise
            finally:
                os.close(folder)


_GONE = object()  # stands for the value of a key that isn't there
# A constant, since a tuple written where it is used is made anew each time.
_NESTED = (dict, list)
_in_use = {}  # full path: the database that has it open


def _plain(value, own, depth):
    """Return value as JSON will give it back: in a copy or, if own, put right in place.

    Begin at depth 0 with {key: value}, which isn't copied. Raises TypeError or ValueError, saying
    where in db the value is that can't be stored.
    """
    if not _BOARD and (type(value) is int or (type(value) is str and value.isascii())):
        return value  # the most frequent ones, at once
    if isinstance(value, tuple):
        value = list(value)
    if isinstance(value, _NESTED):
        if depth > 16:  # a board with a small stack must be able to save it too
            raise RuntimeError
        keyed = isinstance(value, dict)
        if depth and not own:
            value = dict(value) if keyed else list(value)
            if not _BOARD and keyed:
                value = {_exact(key): item for key, item in value.items()}
        for key in value if keyed else range(len(value)):
            where = "[%r]"
            try:
                if keyed:
                    if not isinstance(key, str):
                        raise TypeError(": a key must be a str")
                    where = '["%s"]'
                    _plain(key, True, 1)
                value[key] = _plain(value[key], own, depth + 1)
            except (TypeError, ValueError, RuntimeError) as error:
                if isinstance(error, RuntimeError):  # or the stack is full
                    error = ValueError(": too deep or in itself")
                where = where if depth else "db" + where
                raise type(error)(where % (key,) + error.args[0]) from None
    elif isinstance(value, str):
        # A board makes surrogates of JSON's escapes for an emoji, and no PC could read them.
        if _BOARD:  # noqa: SIM108 (of an if, the compiler leaves out the other branch)
            data = value.encode()
        else:
            data = value.encode("utf-8", "surrogatepass")
        if b"\xed" in data:
            for rest in data.split(b"\xed")[1:]:
                if rest[0] > 0x9F:
                    raise ValueError(": can't store a %s" % "surrogate")
    elif isinstance(value, float):
        for _ in range(9):  # until its text is exact
            if value * 0 != 0:
                raise ValueError(": can't store a %s" % value)
            was = value
            value = json.loads(_encode(was))
            if value == was:
                break
    elif not (isinstance(value, int) or value is None or value is True or value is False):
        raise TypeError(": can't store a %s" % type(value).__name__)
    if not _BOARD:
        value = _exact(value)
    return value


def _same(a, b):
    """Whether a and b are the same JSON: 1, 1.0 and True are not, nor 0.0 and -0.0."""
    if type(a) is not type(b) or a != b:
        return False
    if isinstance(a, _NESTED):
        for key in a if isinstance(a, dict) else range(len(a)):
            if not _same(a[key], b[key]):
                return False
        return True
    return str(a) == str(b)


def _seal(crc):
    return "{:032b}\n".format(crc).replace("0", " ").replace("1", "\t").encode()


def _if_there(call, path):
    try:
        return call(path)
    except OSError as error:
        if error.args[0] not in (2, 44):  # ENOENT; the latter in a browser
            raise


def _size(path):
    """The file's length in bytes, 0 if there is none."""
    stat = _if_there(os.stat, path) or (0,) * 7
    if stat[0] & 0xF000 == 0x4000:  # a folder
        raise OSError(21)
    if not _BOARD and stat[0] and stat[0] & 0xF000 != 0x8000:
        raise OSError(22, "is no regular file")
    return stat[6]


def _named(path, call, *args):
    """Return call(*args). An OSError shall name the path."""
    try:
        return call(*args)
    except OSError as error:
        if _BOARD:
            raise OSError(error.args[0], path) from None
        else:
            raise OSError(*error.args[:2], path) from None


def _scan(path):
    """Yield the JSON file's data, as dicts of some keys, each with the CRC of all up to there.

    The CRC is None if the file has no seal. Raises ValueError if it is damaged.
    """
    with open(path, "rb") as file:
        size = max(file.seek(0, 2) - 33, 0)
        file.seek(size)
        seal = file.read()
        file.seek(0)
        text = seal.strip()
        if text:
            data = json.load(file)
            # Firmware before 1.26 reads an object that was cut off, too.
            if not isinstance(data, dict) or text[-1] != 125:  # }
                raise ValueError("no dict")
            _plain(data, True, 0)
            yield None, data
            return
        crc = 0
        rest = bytes()  # noqa: UP018 (a literal would be one more object to keep)
        while size > 0:
            chunk = file.read(min(size, max(512, len(rest))))  # doubling keeps a long value linear
            size -= len(chunk) or size
            crc = crc32(chunk, crc)
            rest += chunk
            end = rest.rfind(b",\n")
            if end > 0:
                yield crc, json.loads(rest[:end] + b"}")
                rest = rest[:1] + rest[end + 2 :]
        if _seal(crc) != seal:
            raise ValueError("bad CRC. Edited? Cut last line")
        yield crc, json.loads(rest)


class _Block:
    """A lock() or transaction() block. Every plain operation runs in one, too."""

    def __init__(self, db, undo):
        self.db = db
        self.undo = undo  # whether an exception rolls it back
        if not _BOARD:
            self.is_new = False

    def __enter__(self):
        db = self.db
        self.lock = db._lock
        self.owner = get_ident()
        # What the touched keys had before, by slot and key. Of a dict or list that was read, and
        # may be changed in place, a copy; (it,) of one that was set: that is saved in any case,
        # since the one before may have had unsaved changes.
        self.before = {}
        self.outer = None
        outer = db._block
        if outer and outer.owner == self.owner:
            self.lock = allocate_lock()  # this thread has the other one
            self.outer = outer
            if not self.undo:
                self.before = outer.before
        try:
            # On a board Ctrl-C strikes only where code branches: not between these two lines.
            self.lock.acquire()
            db._block = self
            if not db._data:
                raise ValueError(db._path + " is closed")
            return db
        except BaseException:
            if db._block is self:
                self.__exit__(None, None, None)
            elif not _BOARD and not self.outer and db._lock._is_owned():
                db._lock.release()
            raise

    def __exit__(self, kind, value, _):  # not *args: there may be no memory for a tuple
        try:
            if kind and self.undo:
                self.restore()
            else:
                self.commit()
        except BaseException:
            self.restore()
            raise
        finally:
            self.db._block = self.outer
            self.lock.release()

    def read(self, key):
        """Return a value, having noted it if it may be changed in place."""
        value = self.db._find(key)
        if isinstance(value, _NESTED):
            before = self.before.setdefault(_hash(key) & _MASK, {})
            if key not in before:
                before[key] = _plain(value, False, 1)
        return value

    def put(self, key, value):
        """Set a key or, with _GONE, delete it."""
        slot = _hash(key) & _MASK
        data = self.db._data[slot]
        before = self.before.setdefault(slot, {})
        if key not in before:
            before[key] = data.get(key, _GONE)
            if _BOARD and len(before) > 3 and len(before) & 1:
                # In a large block: before memory is all holes, too small for a dict to grow.
                gc.collect()
        if isinstance(before[key], _NESTED):
            before[key] = (before[key],)
        if value is _GONE:
            del data[key]
        else:
            data[key] = value

    def write(self, file, chain):
        """Write a record of each key that differs from before, but for the end of the last one.

        Return the chain. If file is None, only see whether all can be saved, and return about how
        many bytes it is.
        """
        size = 0
        for slot in self.before:
            data = self.db._data[slot]
            before = self.before[slot]
            for key in before:
                new = data.get(key, _GONE)
                if _same(before[key], new):
                    continue
                record = (key,)
                if new is not _GONE:
                    if not file:
                        data[key] = new = _plain({key: new}, True, 0)[key]
                    record = (key, new)
                text = _encode(record)
                if file:
                    if size:
                        chain = crc32(b"+", chain)
                        file.write(b"+")
                        file.write(b"%08x\n" % chain)
                    chain = crc32(text, chain)
                    file.write(text)
                size += len(text) + 10
        return chain if file else size

    def commit(self):
        """Make the changes durable or, in a block within a block, the outer one's."""
        outer = self.outer
        if outer and not self.undo:
            return  # they are the outer one's already
        size = self.write(None, 0)
        if outer:
            for slot in self.before:
                before = outer.before.setdefault(slot, {})
                for key in self.before[slot]:
                    before.setdefault(key, self.before[slot][key])
        elif size:
            _named(self.db._path, self.db._store, self, size)

    def restore(self):
        """Put back what was before. Takes no memory: a dict that lost keys first needn't grow."""
        db = self.db
        interrupted = False
        while self.undo or not self.outer:
            try:
                for slot in self.before:
                    data = db._data[slot]
                    before = self.before[slot]
                    for key in before:
                        if before[key] is _GONE:
                            data.pop(key, None)
                    for key in before:
                        old = before[key]
                        if old is not _GONE:
                            data[key] = old[0] if isinstance(old, tuple) else old
                break
            except KeyboardInterrupt:
                interrupted = True
        if not self.outer and db._data:
            db._settle()
        if interrupted:
            raise KeyboardInterrupt


class MicroTetherDB:
    """A dict of str to JSON values that is kept in a file.

    MicroTetherDB(path) opens the database at path, or creates it. ``with`` closes it at the end.
    Each write is on the disk when it returns; those in a lock() or transaction() block when the
    block ends. If a write raises, nothing has changed, in memory or on disk: TypeError or
    ValueError for a key or value that can't be stored, OSError from the disk, MemoryError.

    A value read is the dict or list itself. Changes made in it are saved by the end of the block
    that read it, or else by flush() or close().

    Raises OSError if path can't be read or made, ValueError if it is not a database or damaged
    (the files are left as they are). What this process has open already is taken over: the older
    object raises ValueError from then on.
    """

    # The longest X.tip, in bytes: a little less than the longest file that littlefs stores inline,
    # which is an eighth of a block, or 4 times progsize if that is less. Yours differs? Set it.
    TIP_SIZE = 120 if "esp" in sys.platform else 448
    if not _BOARD:
        TIP_SIZE = 131072

    def __init__(self, path):
        self._path = path = _full_path(path)
        self._lock = allocate_lock()
        self._block = None  # the innermost one that is open
        older = _in_use.get(path)
        if older is not None and older._data:
            older._close(self._load)
        else:
            _named(path, self._load)
        _in_use[path] = self

    def close(self, *_):
        """Save everything into the one JSON file and close. Writes nothing if it is all there.

        Further calls do nothing. Raises OSError if the disk is full, TypeError or ValueError for
        an in-place change that can't be stored; it is open still, then.
        """
        if self._data:
            self._close(self._save)

    def __enter__(self):
        len(self)  # it must be open
        return self

    __exit__ = close

    def __repr__(self):
        return "<MicroTetherDB %s, %s>" % (
            self._path,
            "%d keys" % len(self) if self._data else "closed",
        )

    # The mapping: as a dict does it.

    def __getitem__(self, key):
        block = self._block
        if block and block.owner == get_ident():
            return block.read(key)
        # No try in here: MicroPython puts a larger frame on the heap, at 10 times the cost.
        with self._lock:
            return self._find(key)

    def __setitem__(self, key, value):
        with self.lock():
            if not isinstance(key, str):
                raise TypeError("db[%r]" % (key,) + ": a key must be a str")
            value = _plain({key: value}, False, 0)[key]
            if not _BOARD:
                key = _exact(key)
            self._block.put(key, value)

    def __contains__(self, key):
        # As __getitem__, but nothing is read that could be changed.
        try:
            block = self._block
            if block and block.owner == get_ident():
                self._find(key)
            else:
                with self._lock:
                    self._find(key)
        except KeyError:
            return False
        return True

    def __len__(self):
        with self.lock():
            return sum(map(len, self._data))

    def __iter__(self):
        """Walks the keys there are now: the loop may write and delete."""
        with self.lock():
            keys = []
            for data in self._data:
                keys.extend(data)
            return iter(keys)

    def get(self, key, default=None):
        """Return the value or, if there is none, default."""
        try:
            return self[key]
        except KeyError:
            return default

    def items(self):
        for key in self:
            try:
                yield key, self[key]
            except KeyError:  # deleted meanwhile
                pass

    if _BOARD:

        def keys(self):
            return list(self)

        def values(self):
            for item in self.items():
                yield item[1]

    else:
        keys = MutableMapping.keys
        __eq__ = MutableMapping.__eq__

        def __reduce__(self):
            raise TypeError(self._path + " is open: its database can't be copied or pickled")

        _items = items

        def values(self):
            return _Values(self)

        def items(self):
            return _Items(self)

    def pop(self, key, default=_GONE):
        """Delete the key and return its value or, if there is none, default. Else KeyError."""
        with self.lock():
            if default is _GONE or key in self:
                default = self[key]
                del self[key]
            return default

    def __delitem__(self, key):
        with self.lock():
            self._find(key)
            self._block.put(key, _GONE)

    def popitem(self):
        """Delete a key, on a PC the newest; return it and its value. KeyError if there is none."""
        with self.lock():
            for data in self._data:
                if not _BOARD:
                    data = reversed(data)
                for key in data:
                    return key, self.pop(key)
            raise KeyError("popitem(): the database is empty")

    def setdefault(self, key, default=None):
        """Return the value; if there is none, store default first."""
        with self.lock():
            if key not in self:
                self[key] = default
            return self[key]

    def update(*args, **more):  # a key may be called self, too
        """Take over a mapping, or pairs, and keywords: as one batch."""
        if len(args) > 2:
            raise TypeError("update() takes one mapping, or pairs, and keywords")
        self = args[0]
        with self.transaction():
            for pairs in args[1:] + (more,):
                if hasattr(pairs, "keys"):
                    for key in pairs.keys():
                        self[key] = pairs[key]
                else:
                    for key, value in pairs:
                        self[key] = value

    def clear(self):
        """Delete all, as one batch."""
        with self.transaction():
            for key in self:
                del self[key]

    # Blocks.

    def transaction(self):
        """A block, to use with ``with``: all of it is saved at its end or, if it raises, none.

        Then all is as it was, also inside of the values that were read in the block. Other threads
        wait for its end. Blocks nest on one thread: an inner transaction rolls back alone, and the
        outermost block saves everything, as one batch. Don't ``await`` in a block.
        """
        if not _BOARD:
            return _guarded(self, True)
        return _Block(self, True)

    def lock(self):
        """As transaction(), but if it raises, what was done so far stays and is saved."""
        if not _BOARD:
            return _guarded(self, False)
        return _Block(self, False)

    # Saving.

    def flush(self):
        """Save everything, in-place changes too, into the JSON file. Writes nothing if it is so.

        In a block it does nothing: the block saves at its end. Raises as close() does.
        """
        with self.transaction():
            if not self._block.outer:
                _named(self._path, self._save)

    def backup(self, path):
        """Write the data, in-place changes too, to a JSON file at path, atomically.

        Raises ValueError if that is a database in use, otherwise as close() does.
        """
        with self.lock():
            path = _full_path(path)
            for other in _in_use:
                for end in ("", ".log", ".tip", ".tmp"):
                    if path == other + end or path + end == other:
                        raise ValueError(other + end + " is in use")
            _named(path, _size, path)
            _named(path, self._dump, path)
            for end in (".log", ".tip"):  # of a database that was there: they may fit the backup
                _named(path, _if_there, os.remove, path + end)
            _named(path, _rename, path + ".tmp", path)

    def _close(self, call):
        with self.transaction():
            if self._block.outer:
                raise ValueError(self._path + " is in use")
            _named(self._path, call)
            self._data = ()
            del _in_use[self._path]

    def _find(self, key):
        if not self._data:
            raise ValueError(self._path + " is closed")
        try:
            return self._data[_hash(key) & _MASK][key]
        except TypeError:  # no str
            raise KeyError(key) from None

    def _load(self):
        path = self._path
        self._data = list(map(dict, [()] * (_MASK + 1)))  # keys and values; empty when closed
        # How many bytes of X.log and X.tip count. The CRC in X's seal, and the chain at the
        # journal's end: both None if X has no seal, so that only a fold can save.
        self._log = self._tip = self._base = self._chain = 0
        # What failed, so that the disk may have what memory hasn't: the last batch in ".log" or
        # ".tip"; "" for a fold, or a journal that can't be trusted; None if nothing failed.
        self._failed = None
        crc = None
        name = path
        size = _size(path)
        if not size:  # FAT removes the old file before it gives its name to the new one
            name += ".tmp"
            size = _size(name)
        if size:
            try:
                for crc, part in _scan(name):
                    for key in part:
                        self._data[_hash(key) & _MASK][key] = part[key]
            except (ValueError, TypeError, RuntimeError) as error:
                if name == path:
                    raise ValueError("%s: damaged or no database: %s" % (path, error)) from None
                crc = None
        if name != path:
            if crc is None:
                if _size(path + ".log") or _size(path + ".tip"):
                    raise ValueError(path + " is gone, not its journal")
                for part in self._data:
                    part.clear()
                return self._fold({})
            _rename(name, path)
        self._chain = self._base = crc
        if crc is None:
            for end in (".log", ".tip"):
                if _size(path + end):
                    raise ValueError(
                        "%s has no checksum line, but there is a %s%s: was it edited? Put back "
                        "the one before, or remove that file" % (path, path, end)
                    )
        else:
            self._log = self._replay(".log")
            self._tip = self._replay(".tip")

    def _replay(self, name):
        """Apply the batches of a journal file that continue the chain. Return where the last ends.

        What is behind that, half a batch or padding, is overwritten by the next one.
        """
        name = self._path + name
        stop = _size(name)
        if not stop:
            return 0
        with open(name, "rb") as file:
            for apply in range(2):  # first find the last whole batch, then apply what is up to it
                file.seek(0)
                at = end = 0
                chain = self._chain
                for line in file:
                    if at >= stop:
                        break
                    at += len(line)
                    crc = crc32(line[:-9], chain)
                    if line[-9:] == b"%08x\n" % crc:
                        chain = crc
                        if line[-10:-9] != b"+":
                            end = at
                        if apply and line[10:]:
                            record = json.loads(line[:-10])
                            data = self._data[_hash(record[0]) & _MASK]
                            if len(record) > 1:
                                data[record[0]] = record[1]
                            else:
                                data.pop(record[0], None)
                stop = end
        self._chain = chain
        return end

    def _store(self, block, size):
        """Make a block's changes durable, whose records are about size bytes."""
        if self._failed:
            self._settle()
        tip = self._tip
        spill = tip + size > self.TIP_SIZE
        # Fold when the journal gets longer than twice X, or X is short enough to be inline, too.
        only_fold = self._chain is None or self._failed is not None
        if only_fold or (
            spill and self._log + tip + size > 2 * (_size(self._path) - self.TIP_SIZE)
        ):
            try:
                return self._fold(block.before)
            except Exception:
                if only_fold or self._failed is not None:
                    raise  # else the journal will do
        name = ".tip"
        at = tip
        if spill:
            name = ".log"
            at = self._log
        chain = self._chain
        self._failed = name
        if not _BOARD and not at:
            file = _create(self._path + name, self._path)
        else:
            file = open(self._path + name, "r+b" if at else "wb")  # noqa: SIM115
        with file:
            file.seek(at)
            if spill and tip:
                with open(self._path + ".tip", "rb") as source:
                    while tip:
                        text = source.read(min(tip, 64))
                        if not text:  # it got shorter
                            self._failed = ""
                            raise OSError(5)  # EIO
                        tip -= file.write(text)
            chain = crc32(b" ", block.write(file, chain))
            file.write(b" ")
            file.write(b"%08x\n" % chain)
            end = file.tell()
            # littlefs copies the last block, of 4 KB, at each append: where that is too much for
            # what is appended, go on in a fresh block.
            most = 16 * (end - at)
            while spill and end % 4096 > most:
                end += file.write(b" " * min(62, -end % 4096 - 1) + b"\n")
            if _BOARD:
                file.flush()
            else:
                if not spill and -at % 4096 < end - at:
                    # A PC syncs faster what is overwritten than what grows: it grows by pages.
                    file.write(((b" " * 63 + b"\n") * 64)[end % 4096 :])
                _sync(file, not at)
        if spill:
            self._log = end
            end = 0
        self._tip = end
        self._chain = chain
        self._failed = None
        block.before.clear()

    def _settle(self):
        """Make void what has failed. If that fails too, the next write does it."""
        try:
            if self._failed:
                name = self._path + self._failed
                start = self._tip  # a spill copies these first
                if self._failed == ".log":
                    start += self._log
                if _size(name) > start:
                    # Without its first byte the batch is void. Unlike a fold, this takes no room.
                    with open(name, "r+b") as file:
                        file.seek(start)
                        file.write(b"\n")
                        if _BOARD:
                            file.flush()
                        else:
                            _sync(file, False)
                self._failed = None
            elif self._failed is not None:
                self._fold({})
        except Exception:
            pass

    def _save(self):
        """Fold, unless X has it all. Leave no other file."""
        left = 1  # what has changed
        if self._chain == self._base and self._failed is None:
            left = len(self)
            try:
                for _, part in _scan(self._path):
                    for key in part:
                        left -= _same(part[key], self._find(key))
            except Exception:
                left = 1
        if left:
            self._fold({})
        if self._base is not None:  # or what is there isn't ours
            for name in (".tmp", ".log", ".tip"):
                _if_there(os.remove, self._path + name)

    def _fold(self, before):
        """Write X anew. Then empty before: what is durable can't be restored any more."""
        path = self._path
        if self._failed is not None and not _size(path) and _size(path + ".tmp"):
            _rename(path + ".tmp", path)  # the last one failed half-way: its X.tmp is all there is
        # A stale journal must be gone before X may become again what it once continued.
        if not self._log:
            _if_there(os.remove, path + ".log")
        if not self._tip:
            _if_there(os.remove, path + ".tip")
        crc = self._dump(path)
        failed = self._failed
        self._failed = ""
        try:
            _rename(path + ".tmp", path)
        except OSError:
            if _size(path) and _size(path + ".tmp"):  # nothing has happened
                self._failed = failed
            raise
        before.clear()
        self._log = self._tip = 0
        self._chain = self._base = crc
        self._failed = None

    def _dump(self, path):
        """Write all data to path.tmp, synced. Return its CRC."""
        path += ".tmp"
        for data in self._data:
            _plain(data, True, 0)
        # It is used in the try, which is for what exists.
        if _BOARD:  # noqa: SIM108 (of an if, the compiler leaves out the other branch)
            file = open(path, "wb")  # noqa: SIM115
        else:
            file = _create(path, self._path)
        try:
            with file:
                crc = 0
                comma = b"{\n"
                for data in self._data:
                    for key in data:
                        for text in (comma, _encode(key), b":", _encode(data[key])):
                            crc = crc32(text, crc)
                            file.write(text)
                        comma = b",\n"
                end = (b"\n" if file.tell() else comma) + b"}\n"
                if crc32(end, crc) == self._base:
                    end += b"\n"  # what continues the old X must not continue the new one
                crc = crc32(end, crc)
                file.write(end + _seal(crc))
                if _BOARD:
                    file.flush()
                else:
                    _sync(file, False)
            return crc
        except BaseException:
            os.remove(path)
            raise


if not _BOARD:
    MutableMapping.register(MicroTetherDB)
    for _name in (
        *("__setitem__", "__delitem__", "pop", "popitem", "setdefault", "update", "clear"),
        *("backup", "flush", "_close"),
    ):
        setattr(MicroTetherDB, _name, _uninterrupted(getattr(MicroTetherDB, _name)))
