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

A journal file starts with a line of 8 hex digits, the *chain*: the CRC of all that it continues.
Each *record* is a line: 8 hex digits of chain, a mark (``+``: the *batch* goes on; space: last of
its batch), a JSON text, newline. ``["key",value]`` sets, ``["key"]`` deletes. A record's chain is
the CRC-32 of its mark and text, continuing the chain before it; the first of all continues the CRC
in X's seal. So a batch counts only if it is whole and follows on exactly what is there: a journal
from before a fold, a tip already spilled, a record torn by a power cut are all told by that. A
blank line is padding.
"""

import gc
import json
import os
import sys

try:
    from micropython import const
except ImportError:
    const = [].count  # which is 0 for everything: no board here

__version__ = "1.0.0"

_BOARD = const(1)  # 0 on a PC; for a board the compiler leaves out what is for PCs only
_MASK = const(15)  # 0 on a PC; see _hash
_BLOCK = 4096  # bytes of flash that are erased at once


# Where the runtimes differ: here, and hardly anywhere below.

# The keys are spread over several dicts on a board, by their _hash() & _MASK: its str hashes can
# have as few as 8 bits, which makes a dict of more keys than that slow.
try:
    from binascii import crc32

    _hash = crc32 if _BOARD else len
except ImportError:  # ESP8266
    _hash = len

    def crc32(data, crc=0):
        crc ^= 0xFFFFFFFF
        for byte in data.encode() if isinstance(data, str) else data:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0xEDB88320 & -(crc & 1))
        return crc ^ 0xFFFFFFFF


if _BOARD:
    MutableMapping = object
    _rename = os.rename
    try:
        from _thread import allocate_lock as _Lock
        from _thread import get_ident
    except ImportError:  # ESP8266: one thread
        get_ident = int

        class _Lock:
            acquire = release = __enter__ = __exit__ = lambda *_: None

    _JSON = {"separators": (",", ":")}
    try:
        json.dumps(0, **_JSON)
    except TypeError:  # old firmware
        _JSON = {}

    def _encode(value):
        # A str does for the bytes of its UTF-8, without a copy.
        return json.dumps(value, **_JSON)

    def _full_path(path):
        names = []
        for name in (path if path[:1] == "/" else os.getcwd() + "/" + path).split("/"):
            if name == "..":
                names = names[:-1]
            elif name and name != ".":
                names.append(name)
        return "/" + "/".join(names)

else:
    from collections.abc import ItemsView, MutableMapping, ValuesView
    from contextlib import contextmanager
    from functools import wraps
    from os.path import realpath as _full_path
    from threading import RLock as _Lock
    from threading import get_ident

    _encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
    _fsync = getattr(os, "fdatasync", os.fsync)

    def _encode(value):
        return _encoder.encode(value).encode()

    def _sync(file, new):
        file.flush()
        _fsync(file.fileno())
        if new:
            _sync_folder(file.name)

    class _Items(ItemsView):
        def __iter__(self):
            return _items(self._mapping)

    class _Values(ValuesView):
        def __iter__(self):
            return (value for key, value in _items(self._mapping))

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
                block.db._owner = block.owner
                block.release()

    def _uninterrupted(method):
        @wraps(method)
        def run(self, *args, **more):
            if self._owner == get_ident():
                return method(self, *args, **more)
            block = _Block(self, True)
            block.__enter__()
            try:
                result = method(self, *args, **more)
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
                self._block = self._owner = None
                block.release()

        return run

    def _sync_folder(path):
        if os.name == "posix":
            folder = os.open(os.path.dirname(path), os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


_GONE = object()  # stands for the value of a key that isn't there
# Constants, since a tuple written where it is used is made anew each time.
_CONTAINERS = (dict, list, tuple)
_NUMBERS = (int, bool)
_in_use = {}  # full path: the database that has it open


def _plain(value, own, depth=0):
    """Return value as JSON will give it back: in a copy or, if own, put right in place.

    Begin with {key: value}, which isn't copied. Raises TypeError or ValueError, saying where in db
    the value is that can't be stored.
    """
    if isinstance(value, _CONTAINERS):
        if depth > 32:  # a board with a small stack must be able to save it too
            raise ValueError(": contains itself, or is nested too deep")
        if isinstance(value, tuple) or (depth and not own):
            value = dict(value) if isinstance(value, dict) else list(value)
            if not _BOARD and isinstance(value, dict):
                value = {_exact(key): item for key, item in value.items()}
        for key in value if isinstance(value, dict) else range(len(value)):
            item = value[key]
            where = "[%r]"
            try:
                if isinstance(value, dict):
                    if not isinstance(key, str):
                        raise TypeError(": a key must be a str")
                    where = '["%s"]'
                    _plain(key, True, 1)
                plain = _plain(item, own, depth + 1)
            except (TypeError, ValueError, RuntimeError) as error:
                if isinstance(error, RuntimeError):  # the stack is full
                    error = ValueError(": nested too deep for this thread")
                where = where if depth else "db" + where
                raise type(error)(where % (key,) + error.args[0]) from None
            if plain is not item:
                value[key] = plain
    elif isinstance(value, str):
        # A board makes surrogates of JSON's escapes for an emoji, and no PC could read them.
        data = value.encode("utf-8", "surrogatepass")
        at = data.find(b"\xed")
        while at >= 0:
            if data[at + 1] > 0x9F:
                raise ValueError(": has a surrogate, so is no Unicode")
            at = data.find(b"\xed", at + 1)
    elif isinstance(value, float):
        for _ in range(9):  # until its text is exact
            if value * 0 != 0:
                raise ValueError(": JSON has no %s" % value)
            was = value
            value = json.loads(_encode(was))
            if value == was:
                break
    elif value is not None and not isinstance(value, _NUMBERS):
        raise TypeError(": can't store a " + type(value).__name__)
    return value if _BOARD else _exact(value)


def _same(a, b):
    """Whether a and b are the same JSON: 1, 1.0 and True are not, nor 0.0 and -0.0."""
    if type(a) is not type(b) or a != b:
        return False
    if isinstance(a, _CONTAINERS):
        for key in a if isinstance(a, dict) else range(len(a)):
            if not _same(a[key], b[key]):
                return False
        return True
    return str(a) == str(b)


def _seal(crc):
    return "{:032b}\n".format(crc).replace("0", " ").replace("1", "\t").encode()


def _if_there(function, path):
    try:
        return function(path)
    except OSError as error:
        if error.args[0] not in (2, 44):  # ENOENT; the latter in a browser
            raise


def _size(path):
    """The file's length in bytes, 0 if there is none."""
    stat = _if_there(os.stat, path) or (0,) * 7
    if stat[0] & 0x4000:  # a folder
        raise OSError(21)
    return stat[6]


def _named(path, function, *args):
    """Call function; an OSError shall name the path."""
    try:
        return function(*args)
    except OSError as error:
        raise OSError(*error.args[: 1 if _BOARD else 2] + (path,)) from None


def _scan(path, foreign=True):
    """Yield the JSON file's data, as dicts of some keys, each with the CRC of all up to there.

    Raises ValueError if the file is damaged or, unless foreign, has no seal.
    """
    with open(path, "rb") as file:
        size = file.seek(0, 2) - 33
        file.seek(max(size, 0))
        seal = file.read()
        file.seek(0)
        sealed = len(seal) == 33 and seal.strip(b" \t") == b"\n"
        if not sealed:
            if not foreign:
                raise ValueError
            data = json.load(file)
            if not isinstance(data, dict):
                raise ValueError("no JSON object")
            _plain(data, True)
            file.seek(0)
            size += 33
        crc = 0
        rest = b""
        while size > 0:
            chunk = file.read(min(size, 512))
            size -= 512
            crc = crc32(chunk, crc)
            if sealed:
                rest += chunk
                end = rest.rfind(b",\n")
                if end > 0:
                    yield crc, json.loads(rest[:end] + b"}")
                    rest = b"{" + rest[end + 2 :]
        if sealed:
            if _seal(crc) != seal:
                raise ValueError("its CRC is wrong. Edited by hand? Then remove its last line")
            data = json.loads(rest)
        yield crc, data


class _Block:
    """A lock() or transaction() block. Every plain operation runs in one, too."""

    def __init__(self, db, undo):
        self.db = db
        self.undo = undo  # whether an exception rolls it back

    def __enter__(self):
        db = self.db
        me = get_ident()
        self.owner = self.outer = None
        self.release = db._lock.release
        # What the touched keys had before, by slot and key: the value of one that was set or
        # deleted, (copy,) of a dict or list that was read and may be changed in place.
        self.before = {}
        nested = db._owner == me
        if nested:
            self.owner = me
            self.outer = db._block
            self.release = bool  # nothing
            if not self.undo:
                self.before = self.outer.before
        try:
            # On a board Ctrl-C strikes only where code branches: not between these three lines.
            if not nested:
                db._lock.acquire()
            db._owner = me
            db._block = self
            if not db._data:
                raise ValueError(db._path + " is closed")
            return db
        except BaseException:
            if db._block is self:
                self.__exit__(None, None, None)
            elif not nested and not _BOARD and db._lock._is_owned():
                db._lock.release()
            raise

    def __exit__(self, kind, error, trace):
        try:
            if kind is None or not self.undo:
                self.commit()
            else:
                self.restore()
        except BaseException:
            self.restore()
            raise
        finally:
            self.db._block = self.outer
            self.db._owner = self.owner
            self.release()

    def touch(self, key, value):
        """Note a value that is about to be read, and may then be changed in place."""
        if isinstance(value, _CONTAINERS):
            before = self.before.setdefault(_hash(key) & _MASK, {})
            if key not in before:
                before[key] = (_plain({key: value}, False)[key],)
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
        elif isinstance(before[key], tuple):
            before[key] = before[key][0]
        if value is _GONE:
            del data[key]
        else:
            data[key] = value

    def changes(self):
        """Yield the record text of each key that differs from before, if it can be saved.

        A dict or list that was set always counts: the one before may have had unsaved changes.
        """
        for slot in self.before:
            data = self.db._data[slot]
            before = self.before[slot]
            for key in before:
                old = before[key]
                new = data.get(key, _GONE)
                if isinstance(old, tuple):
                    same = _same(old[0], new)
                else:
                    same = not isinstance(old, _CONTAINERS) and _same(old, new)
                if not same:
                    record = [key]
                    if new is not _GONE:
                        data[key] = new = _plain({key: new}, True)[key]
                        record.append(new)
                    yield _encode(record)

    def commit(self):
        """Make the changes durable or, in a block within a block, the outer one's."""
        outer = self.outer
        if outer and not self.undo:
            return  # they are the outer one's already
        count = size = 0
        for text in self.changes():
            count += 1
            size += len(text) + 10
        if outer:
            for slot in self.before:
                before = outer.before.setdefault(slot, {})
                for key in self.before[slot]:
                    before.setdefault(key, self.before[slot][key])
        elif count:
            _named(self.db._path, self.db._store, self, count, size)

    def restore(self):
        """Put back what was before. Takes no memory: a dict that lost keys first needn't grow."""
        db = self.db
        interrupt = None
        while self.undo or not self.outer:
            try:
                for gone in (True, False):
                    for slot in self.before:
                        data = db._data[slot]
                        before = self.before[slot]
                        for key in before:
                            old = before[key]
                            if old is not _GONE:
                                if not gone:
                                    data[key] = old[0] if isinstance(old, tuple) else old
                            elif gone:
                                data.pop(key, None)
                break
            except KeyboardInterrupt as error:
                interrupt = error
        if not self.outer and db._data and db._chain is None:
            # The disk may have what memory hasn't. If a fold fails too, the next write does it.
            try:
                db._fold({})
            except Exception:
                pass
        if interrupt:
            raise interrupt


def _opened(path):
    """The database that has path open, if any: Ctrl-C may leave a closed one in _in_use."""
    db = _in_use.get(path)
    if db is not None and db._data:
        return db


def _items(db):
    for key in db:
        try:
            yield key, db[key]
        except KeyError:  # deleted meanwhile
            pass


class MicroTetherDB(MutableMapping):
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
    TIP_SIZE = (120 if sys.platform.startswith("esp") else 448) if _BOARD else 4096

    def __init__(self, path):
        if not isinstance(path, str) and not hasattr(path, "__fspath__"):
            raise TypeError("path must be a str, not a " + type(path).__name__)
        self._path = path = _full_path(path)
        self._lock = _Lock()
        self._owner = None  # the thread that has a block open
        self._block = None  # its innermost block
        older = _opened(path)
        if older is not None:
            older._no_block()
            _named(path, older._hand_over, self)
        else:
            _named(path, self._load)
        _in_use[path] = self

    def close(self, *_):
        """Save everything into the one JSON file and close. Writes nothing if it is all there.

        Further calls do nothing. Raises OSError if the disk is full, TypeError or ValueError for
        an in-place change that can't be stored; it is open still, then.
        """
        if self._data:
            self._no_block()
            _named(self._path, self._close)

    def __enter__(self):
        len(self)  # it must be open
        return self

    __exit__ = close

    def __repr__(self):
        state = "%d keys" % len(self) if self._data else "closed"
        return "<MicroTetherDB %s, %s>" % (self._path, state)

    # The mapping: as a dict does it.

    def __getitem__(self, key):
        if self._block and self._owner == get_ident():
            return self._block.touch(key, self._find(key))
        # No try in here: MicroPython puts a larger frame on the heap, at 10 times the cost.
        with self._lock:
            return self._find(key)

    def __setitem__(self, key, value):
        with self.lock():
            if not isinstance(key, str):
                raise TypeError("db[%r]: a key must be a str" % (key,))
            value = _plain({key: value}, False)[key]
            self._block.put(key if _BOARD else _exact(key), value)

    def __contains__(self, key):
        with self._reading():
            try:
                return key in self._data[_hash(key) & _MASK]
            except TypeError:  # no str
                return False

    def __len__(self):
        with self._reading():
            return sum(map(len, self._data))

    def __iter__(self):
        """Walks the keys there are now: the loop may write and delete."""
        with self._reading():
            keys = []
            for data in self._data:
                keys.extend(data)
            return iter(keys)

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default

    if _BOARD:

        def keys(self):
            return list(self)

        def values(self):
            for item in _items(self):
                yield item[1]

        items = _items
    else:

        def values(self):
            return _Values(self)

        def items(self):
            return _Items(self)

    def pop(self, key, default=_GONE):
        with self.lock():
            try:
                value = self[key]
            except KeyError:
                if default is _GONE:
                    raise
                return default
            self._block.put(key, _GONE)
            return value

    def __delitem__(self, key):
        with self.lock():
            self._find(key)
            self._block.put(key, _GONE)

    def popitem(self):
        with self.lock():
            for data in self._data:
                if data:
                    for key in data:  # to the last one
                        pass
                    return key, self.pop(key)
            raise KeyError("no keys")

    def setdefault(self, key, default=None):
        with self.lock():
            if key not in self:
                self[key] = default
            return self[key]

    def update(self, *other, **more):
        """Take over a mapping, or pairs, and keywords: as one batch."""
        if len(other) > 1:
            raise TypeError("update() takes one mapping")
        with self.transaction():
            for pairs in other + (more,):
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
        block = _Block(self, True)
        if not _BOARD:
            block = _guard(block)
        return block

    def lock(self):
        """As transaction(), but if it raises, what was done so far stays and is saved."""
        block = _Block(self, False)
        if not _BOARD:
            block = _guard(block)
        return block

    # Saving.

    def flush(self):
        """Save everything, in-place changes too, into the JSON file. Writes nothing if it is so.

        In a block it does nothing: the block saves at its end. Raises as close() does.
        """
        if self._owner != get_ident():
            _named(self._path, self._save)

    def backup(self, path):
        """Write the data, in-place changes too, to a JSON file at path, atomically.

        Raises ValueError if that is a database in use, otherwise as close() does.
        """
        with self.lock():
            path = _full_path(path)
            if _opened(path) is not None:
                raise ValueError(path + " is a database in use")
            _named(path, self._dump, path)
            _named(path, _rename, path + ".tmp", path)

    def _reading(self):
        """What reads hold: the lock, unless this thread is in a block and so has it already."""
        if not self._data:
            raise ValueError(self._path + " is closed")
        return _Lock() if self._owner == get_ident() else self._lock

    def _no_block(self):
        if self._owner == get_ident():
            raise ValueError(self._path + ": this thread is in a block of it")

    def _close(self):
        with self.transaction():
            self._save()
            for name in (".tmp", ".log", ".tip"):
                _if_there(os.remove, self._path + name)
            self._data = ()
            del _in_use[self._path]

    def _hand_over(self, newer):
        with self.lock():
            newer._load()
            self._data = ()

    def _find(self, key):
        if not self._data:
            raise ValueError(self._path + " is closed")
        try:
            return self._data[_hash(key) & _MASK][key]
        except TypeError:  # no str
            raise KeyError(key) from None

    def _use(self, part):
        for key in part:
            self._data[_hash(key) & _MASK][key] = part[key]

    def _load(self):
        path = self._path
        self._data = []  # the dicts with keys and values; none when closed
        for _ in range(_MASK + 1):
            self._data.append({})
        self._log = self._tip = 0  # how many bytes of those files count
        self._base = None  # the CRC in X's seal
        # The chain at the journal's end. None: it may end in half a batch, only a fold helps.
        self._chain = None
        size = _size(path)
        if not size:
            self._recover()
            size = _size(path)
        if not size:
            if _size(path + ".log") or _size(path + ".tip"):
                raise ValueError(path + " is missing or empty, but its journal is there")
            return self._fold({})
        try:
            for crc, part in _scan(path):
                self._use(part)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ValueError("%s is damaged, or no database: %s" % (path, error)) from None
        self._chain = self._base = crc
        self._set_limit(size)
        self._log, log_whole = self._replay(".log")
        self._tip, tip_whole = self._replay(".tip")
        if not (log_whole and tip_whole):
            self._chain = None

    def _recover(self):
        """Finish a fold's rename that was cut: FAT removes the old file first."""
        path = self._path
        if _size(path + ".tmp"):
            try:
                for _ in _scan(path + ".tmp", False):
                    pass
            except ValueError:  # the cut came before the rename
                return
            _rename(path + ".tmp", path)

    def _replay(self, name):
        """Apply the batches of a journal file that continue the chain.

        Return how many of its bytes count, and whether it may be appended to: not if it ends in a
        torn batch, or begins with what the log has of a torn spill.
        """
        path = self._path + name
        size = _size(path)
        if not size:
            return 0, True
        with open(path, "rb") as file:
            at = begin = end = chain = last = 0
            mark = b" "
            for line in file:
                if not at:
                    try:
                        chain = int(line, 16)
                    except ValueError:
                        break
                elif line[-1:] != b"\n" or line.strip():
                    mark = line[8:9]
                    chain = crc32(line[9:-1], crc32(mark, chain))
                    if line != b"%08x" % chain + line[8:-1] + b"\n":
                        break
                else:  # padding
                    at += len(line)
                    continue
                at += len(line)
                if mark != b"+":
                    if chain == self._chain:
                        begin = at
                    end = at
                    last = chain
            if not begin or begin == end:  # stale
                return 0, True
            whole = begin == 9 and at == size and mark != b"+"
            file.seek(begin)
            while begin < end:
                line = file.readline()
                begin += len(line)
                if line.strip():
                    record = json.loads(line[9:])
                    if len(record) > 1:
                        self._use({record[0]: record[1]})
                    else:
                        self._data[_hash(record[0]) & _MASK].pop(record[0], None)
        self._chain = last
        return at if _BOARD else end, whole

    def _store(self, block, count, size):
        """Make a block's changes durable: count records of about size bytes."""
        tip = self._tip
        journal = self._log + tip + size
        spill = tip + size > self.TIP_SIZE
        if self._chain is None or (spill and journal > self._limit):
            try:
                return self._fold(block.before)
            except Exception:
                if self._chain is None:
                    raise
                self._limit = 2 * journal  # the journal will do, without a try at each write
        path = self._path + ".tip"
        size = tip
        if spill:
            size = self._log
            path = self._path + ".log"
        chain = self._chain
        self._chain = None
        with open(path, "wb" if not size else "ab" if _BOARD else "r+b") as file:
            file.seek(size)
            written = 0
            if spill and tip:
                with open(self._path + ".tip", "rb") as source:
                    if size:
                        tip -= len(source.read(9))  # the chain stands at the file's start only
                    while written < tip:
                        text = source.read(min(64, tip - written))
                        if not text:
                            raise OSError(5)  # EIO
                        written += file.write(text)
            elif not size:
                written = file.write(b"%08x\n" % chain)
            for text in block.changes():
                count -= 1
                mark = b"+" if count else b" "
                chain = crc32(text, crc32(mark, chain))
                written += file.write(b"%08x" % chain + mark)
                written += file.write(text)
                written += file.write(b"\n")
            new = not size
            size += written
            # littlefs copies the last block at each append: where that is too much for what is
            # appended, go on in a fresh block.
            while spill and size % _BLOCK > 16 * written:
                size += file.write(b" " * min(62, -size % _BLOCK - 1) + b"\n")
            file.flush()
            if not _BOARD:
                if new and not spill:  # a PC syncs faster what is overwritten than what grows
                    file.write(b"\n" * (self.TIP_SIZE - size))
                _sync(file, new)
        self._tip = size
        if spill:
            self._log = size
            self._tip = 0
        self._chain = chain
        block.before.clear()

    def _set_limit(self, size):
        # How long the journal may get before a fold. Where X is inline too, folds cost least.
        self._limit = 2 * size if size > self.TIP_SIZE else 0

    def _save(self):
        """Fold, unless X has it all."""
        with self.transaction():
            if self._chain is not None and not self._log and not self._tip:
                left = len(self)
                try:
                    for _, part in _scan(self._path):
                        for key in part:
                            left -= _same(part[key], self._find(key))
                    if not left:
                        return
                except (OSError, ValueError, KeyError):
                    pass
            self._fold({})

    def _fold(self, before):
        """Write X anew. Then empty before: what is durable can't be restored any more."""
        path = self._path
        if self._chain is None and not _size(path):
            self._recover()
        # A stale journal must be gone before X may become again what it once continued.
        if not self._log:
            _if_there(os.remove, path + ".log")
        if not self._tip:
            _if_there(os.remove, path + ".tip")
        crc, size = self._dump(path)
        chain = self._chain
        self._chain = None
        try:
            _rename(path + ".tmp", path)
        except OSError:
            if _size(path) and _size(path + ".tmp"):  # nothing has happened
                self._chain = chain
            raise
        self._log = self._tip = 0
        self._set_limit(size)
        self._chain = self._base = crc
        before.clear()

    def _dump(self, path):
        """Write all data to path.tmp, synced. Return its CRC and size."""
        path += ".tmp"
        try:
            with open(path, "wb") as file:
                crc = size = 0
                comma = b"{\n"
                for data in self._data:
                    _plain(data, True)
                    for key in data:
                        for text in (comma, _encode(key), b":", _encode(data[key])):
                            crc = crc32(text, crc)
                            size += file.write(text)
                        comma = b",\n"
                end = b"\n}\n" if size else b"{\n}\n"
                if crc32(end, crc) == self._base:
                    end += b"\n"  # what continues the old X must not continue the new one
                crc = crc32(end, crc)
                size += file.write(end + _seal(crc))
                file.flush()
                if not _BOARD:
                    _sync(file, False)
            return crc, size
        except BaseException as error:
            try:
                os.remove(path)
            finally:
                raise error


if not _BOARD:
    for _name in (
        *("__setitem__", "__delitem__", "pop", "popitem", "setdefault", "update", "clear"),
        *("backup", "_save", "_close", "_hand_over"),
    ):
        setattr(MicroTetherDB, _name, _uninterrupted(getattr(MicroTetherDB, _name)))
