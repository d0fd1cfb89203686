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
from before a fold, a tip already spilled, a record torn by a power cut are all told by that.
"""

import json
import os
import sys

__version__ = "1.0.0"

# Where the runtimes differ: here, and nowhere below.

try:
    from binascii import crc32

    # A board's str hashes can have as few as 8 bits, which makes a dict of more keys than that
    # slow: the keys are spread over this many dicts.
    _SLOTS = 16

    def _slot(key):
        return crc32(key) & 15

except ImportError:  # ESP8266: too small for many keys
    _SLOTS = 1

    def _slot(key):
        return 0

    def crc32(data, crc=0):
        crc ^= 0xFFFFFFFF
        for byte in data.encode() if isinstance(data, str) else data:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0xEDB88320 & -(crc & 1))
        return crc ^ 0xFFFFFFFF


if hasattr(os, "fsync"):  # CPython
    from collections.abc import KeysView, MutableMapping
    from threading import RLock as _Lock
    from threading import get_ident

    _SLOTS = 1
    _TIP_SIZE = 65536
    _full_path = os.path.realpath

    def _slot(key):
        return 0

    def _holds(lock):
        return lock._is_owned()

    def _encode(value):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    def _is_text(text):
        try:
            return text.encode() is not None
        except UnicodeEncodeError:
            return False

    def _blame(error, path):
        return error if error.filename else OSError(error.errno, error.strerror, path)

    def _sync(file):
        file.flush()
        os.fsync(file.fileno())

    def _sync_folder(path):
        if os.name == "posix":  # Windows can't, and needn't
            folder = os.open(os.path.dirname(path), os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _rename(old, new):
        os.replace(old, new)
        _sync_folder(new)

else:
    MutableMapping = object
    KeysView = list
    _TIP_SIZE = 120 if sys.platform.startswith("esp") else 448
    _rename = os.rename

    try:
        from _thread import allocate_lock as _Lock
        from _thread import get_ident
    except ImportError:  # one thread

        class _Lock:
            def acquire(self):
                pass

            release = __enter__ = acquire

            def __exit__(self, *_):
                pass

        def get_ident():
            return 1

    def _full_path(path):
        names = []
        for name in (path if path[:1] == "/" else os.getcwd() + "/" + path).split("/"):
            if name == "..":
                names = names[:-1]
            elif name and name != ".":
                names.append(name)
        return "/" + "/".join(names)

    def _holds(lock):
        return False  # Ctrl-C can't strike right after acquire() here

    def _encode(value):
        try:
            return json.dumps(value, separators=(",", ":"))
        except TypeError:  # old firmware
            return json.dumps(value)

    def _is_text(text):
        # json.loads makes surrogates of "\ud83d\ude00", which no PC could read back.
        data = text.encode()
        at = data.find(b"\xed")
        while at >= 0 and data[at + 1] < 0xA0:
            at = data.find(b"\xed", at + 1)
        return at < 0

    def _blame(error, path):
        return OSError(error.args[0], path)

    def _sync(file):
        file.flush()

    def _sync_folder(path):
        pass


_GONE = object()  # stands for the value of a key that isn't there
_BLOCK = 4096  # bytes of flash that are erased at once
_DEPTH = 32  # how deep a value may nest, so that a board with a small stack can save it too
_in_use = {}  # full path: the database that has it open


def _nothing(*_):
    pass


def _where(path):
    return "db" + "".join(['["%s"]' % k if isinstance(k, str) else "[%r]" % (k,) for k in path])


def _plain(value, path, own=False):
    """Return value as JSON gives it back: a copy or, if own, value itself put right in place.

    path is the list of keys that lead to it. Raises TypeError or ValueError that says where.
    """
    kind = type(value)
    if value is None or kind is bool or kind is int:
        return value
    if isinstance(value, str):
        if not _is_text(value):
            raise ValueError(_where(path) + " is no Unicode text: it has a surrogate")
        return value if kind is str else json.loads(_encode(value))
    if isinstance(value, float):
        for _ in range(9):  # until its text stands for it exactly
            if value * 0 != 0:
                raise ValueError("%s: JSON has no %s" % (_where(path), value))
            was = value
            value = json.loads(_encode(was))
            if value == was:
                break
        return value
    if isinstance(value, int):
        return int(value)
    if not isinstance(value, (dict, list, tuple)):
        raise TypeError("%s: can't store a %s" % (_where(path), kind.__name__))
    if len(path) > _DEPTH:
        raise ValueError(_where(path[:1]) + " contains itself, or is nested too deep")
    if isinstance(value, dict):
        own = own and kind is dict
        plain = value if own else {}
        for key in value:
            path.append(key)
            if not isinstance(key, str):
                raise TypeError(_where(path) + ": a key must be a str")
            item = _plain(value[key], path, own)
            if not own or item is not value[key]:
                plain[_plain(key, path)] = item
            path.pop()
        return plain
    own = own and kind is list
    plain = value if own else []
    for i in range(len(value)):
        path.append(i)
        item = _plain(value[i], path, own)
        if not own:
            plain.append(item)
        elif item is not value[i]:
            plain[i] = item
        path.pop()
    return plain


def _plain_at(key, value, own=False):
    try:
        return _plain(value, [key], own)
    except RuntimeError:  # a small stack
        raise ValueError(_where([key]) + " is nested too deep to be saved here")


def _same(a, b):
    """Whether a and b are the same JSON: 1, 1.0 and True are not. Takes no memory."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        if len(a) != len(b):
            return False
        for key in a:
            if key not in b or not _same(a[key], b[key]):
                return False
        return True
    if isinstance(a, list):
        if len(a) != len(b):
            return False
        for i in range(len(a)):
            if not _same(a[i], b[i]):
                return False
        return True
    return a == b


def _record(key, value):
    return _encode([key] if value is _GONE else [key, value])


def _seal(crc):
    return bytes([9 if crc >> i & 1 else 32 for i in range(32)]) + b"\n"


def _size(path):
    """The file's length in bytes, 0 if there is none."""
    try:
        stat = os.stat(path)
    except OSError as error:
        if error.args[0] != 2:  # ENOENT
            raise
        return 0
    if stat[0] & 0x4000:
        raise OSError(21, path + " is a folder")  # EISDIR
    return stat[6]


def _remove(path):
    try:
        os.remove(path)
    except OSError as error:
        if error.args[0] != 2:  # ENOENT
            raise


def _chunks(file, size):
    while size > 0:
        chunk = file.read(min(size, 512))
        if not chunk:
            break
        size -= len(chunk)
        yield chunk


def _lines(file, start, end):
    file.seek(start)
    rest = b""
    for chunk in _chunks(file, end - start):
        rest += chunk
        line = rest.find(b"\n") + 1
        while line:
            yield rest[:line]
            rest = rest[line:]
            line = rest.find(b"\n") + 1
    if rest:
        yield rest


def _scan(path, use, foreign=True):
    """Pass the data in the JSON file at path to use(), in dicts of some keys each.

    Return the CRC that a journal continues. Raises ValueError if the file is damaged or, unless
    foreign, has no seal.
    """
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - 33, 0))
        seal = file.read()
        sealed = len(seal) == 33 and seal.strip(b" \t") == b"\n"
        if sealed:
            size -= 33
        elif not foreign:
            raise ValueError
        file.seek(0)
        crc = 0
        for chunk in _chunks(file, size):
            crc = crc32(chunk, crc)
        file.seek(0)
        if not sealed:
            data = json.load(file)
            if not isinstance(data, dict):
                raise ValueError("no JSON object")
            use(_plain(data, [], True))
            return crc
        if _seal(crc) != seal:
            raise ValueError("its CRC is wrong. Edited by hand? Then remove its last line")
        rest = b""
        for chunk in _chunks(file, size):
            rest += chunk
            end = rest.rfind(b",\n")
            if end > 0:
                use(json.loads(rest[:end] + b"}"))
                rest = b"{" + rest[end + 2 :]
        use(json.loads(rest))
        return crc


class _Block:
    """A lock() or transaction() block; every plain write runs in one."""

    def __init__(self, db, undo):
        self.db = db
        self.undo = undo  # whether an exception rolls it back

    def __enter__(self):
        db = self.db
        me = get_ident()
        nested = db._owner == me
        self.outer = db._block if nested else None
        self.owner = me if nested else None
        self.release = _nothing if nested else db._lock.release
        # What the touched keys had before, by slot and key: the value of one that was set or
        # deleted, (copy,) of a dict or list that was read and may be changed in place.
        self.before = self.outer.before if nested and not self.undo else {}
        try:
            # On a board Ctrl-C strikes where code branches, so not between these three lines.
            if not nested:
                db._lock.acquire()
            db._owner = me
            db._block = self
            if not db._data:
                raise db._closed()
            return db
        except BaseException:
            if db._block is self:
                db._block = self.outer
                db._owner = self.owner
                self.release()
            elif not nested and _holds(db._lock):
                db._lock.release()
            raise

    def __exit__(self, kind, error, trace):
        db = self.db
        try:
            if kind is not None and self.undo:
                self.restore()
            elif self.outer is None or self.undo:
                self.commit()
        finally:
            db._block = self.outer
            db._owner = self.owner
            self.release()

    def touch(self, key, value):
        if isinstance(value, (dict, list)):
            before = self.before.setdefault(_slot(key), {})
            if key not in before:
                before[key] = (_plain_at(key, value),)
        return value

    def put(self, key, value):
        data = self.db._data[_slot(key)]
        before = self.before.setdefault(_slot(key), {})
        old = before.get(key, data.get(key, _GONE))
        before[key] = old[0] if isinstance(old, tuple) else old
        if value is _GONE:
            del data[key]
        else:
            data[key] = value

    def changes(self):
        """Yield key and new value of all that differs from before, made sure that it can be saved.

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
                    same = old is new or (not isinstance(old, (dict, list)) and _same(old, new))
                if not same:
                    if new is not _GONE:
                        new = data[key] = _plain_at(key, new, True)
                    yield key, new

    def commit(self):
        db = self.db
        try:
            count = size = 0
            for key, new in self.changes():
                count += 1
                size += len(_record(key, new)) + 10
            if self.outer is not None:
                for slot in self.before:
                    outer = self.outer.before.setdefault(slot, {})
                    for key in self.before[slot]:
                        outer.setdefault(key, self.before[slot][key])
            elif count:
                db._store(self, count, size)
        except BaseException:
            self.restore()
            if db._chain is None:
                db._repair()
            raise

    def restore(self):
        """Put back what was before, with no memory left too: a dict that lost keys first needn't
        grow. Ctrl-C waits until that is done."""
        interrupt = None
        while True:
            try:
                for slot in self.before:
                    before = self.before[slot]
                    for key in before:
                        if before[key] is _GONE:
                            self.db._data[slot].pop(key, None)
                for slot in self.before:
                    before = self.before[slot]
                    data = self.db._data[slot]
                    for key in before:
                        old = before[key]
                        if not isinstance(old, tuple):
                            if old is not _GONE:
                                data[key] = old
                        elif not _same(old[0], data.get(key)):
                            data[key] = old[0]
                break
            except KeyboardInterrupt as error:
                interrupt = error
        if interrupt:
            raise interrupt


class _View:
    """What values() and items() return."""

    def __init__(self, db, pick):
        self.db = db
        self.pick = pick

    def __len__(self):
        return len(self.db)

    def __iter__(self):
        for key in self.db:
            try:
                value = self.db[key]
            except KeyError:  # deleted meanwhile
                continue
            yield self.pick(key, value)


class MicroTetherDB(MutableMapping):
    """A dict of str to JSON values that is kept in a file.

    MicroTetherDB(path) opens the database at path, or creates it. ``with`` closes it at the end.
    Each write is on the disk when it returns; those in a lock() or transaction() block when the
    block ends. If a write raises, nothing has changed, in memory or on disk: TypeError or
    ValueError for a key or value that can't be stored, OSError from the disk, MemoryError.

    A value read is the dict or list itself. Changes made in it are saved by the end of the block
    that they were made in, or else by flush() or close().

    Raises OSError if path can't be read or made, ValueError if it is not a database or damaged
    (the files are left as they are). What this process has open already is taken over: the older
    object raises ValueError from then on.
    """

    # The longest X.tip, in bytes. A little less than the longest file that littlefs stores inline:
    # an eighth of a block, or the cache if that is smaller. Yours is formatted otherwise? Set it.
    TIP_SIZE = _TIP_SIZE

    def __init__(self, path):
        if not isinstance(path, str) and not hasattr(path, "__fspath__"):
            raise TypeError("path must be a str, not %s" % type(path).__name__)
        self._path = _full_path(path)
        self._lock = _Lock()
        self._owner = None  # the thread that has a block open
        self._block = None  # its innermost block
        older = _in_use.get(self._path)
        if older is None:
            self._load()
        else:
            with older.lock():
                older._not_in_block("open")
                self._load()
                older._data = ()
        _in_use[self._path] = self

    def close(self):
        """Save everything into the one JSON file and close. Writes nothing if that is so already.

        Further calls do nothing. Raises OSError if the disk is full, TypeError or ValueError for an
        in-place change that can't be stored; the database is open still then.
        """
        if self._data:
            with self.lock():
                self._not_in_block("close")
                self._save()
                for name in (".tmp", ".log", ".tip"):
                    _remove(self._path + name)
                self._data = ()
                del _in_use[self._path]

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()

    def __repr__(self):
        if not self._data:
            return "<MicroTetherDB %s, closed>" % self._path
        return "<MicroTetherDB %s, %d keys>" % (self._path, len(self))

    # The mapping: as a dict does it.

    def __getitem__(self, key):
        if self._owner == get_ident():
            return self._block.touch(key, self._find(key))
        with self._lock:
            return self._find(key)

    def __setitem__(self, key, value):
        with self.lock():
            if not isinstance(key, str):
                raise TypeError(_where([key]) + ": a key must be a str")
            self._block.put(_plain_at(key, key), _plain_at(key, value))

    def __delitem__(self, key):
        self.pop(key)

    def __contains__(self, key):
        with self.lock():
            try:
                return key in self._data[_slot(key)]
            except TypeError:  # no str
                return False

    def __len__(self):
        with self.lock():
            return sum([len(data) for data in self._data])

    def __iter__(self):
        """Walks the keys there are now; the loop may write and delete."""
        with self.lock():
            keys = [list(data) for data in self._data]
        return (key for some in keys for key in some)

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default

    def keys(self):
        return KeysView(self)

    def values(self):
        return _View(self, lambda key, value: value)

    def items(self):
        return _View(self, lambda key, value: (key, value))

    def pop(self, key, *default):
        with self.lock():
            try:
                value = self._find(key)
            except KeyError:
                if default:
                    return default[0]
                raise
            self._block.put(key, _GONE)
            return value

    def popitem(self):
        with self.lock():
            for data in self._data:
                if data:
                    for key in data:
                        pass  # to the last one, as a dict does it
                    return key, self.pop(key)
            raise KeyError("popitem(): %s is empty" % self._path)

    def setdefault(self, key, default=None):
        with self.lock():
            if key not in self:
                self[key] = default
            return self[key]

    def update(self, *other, **more):
        """Take over a mapping, or pairs, and keywords; as one batch."""
        with self.transaction():
            for source in other + (more,):
                if hasattr(source, "keys"):
                    for key in source.keys():
                        self[key] = source[key]
                else:
                    for key, value in source:
                        self[key] = value

    def clear(self):
        """Delete all, as one batch."""
        with self.transaction():
            for key in self:
                self._block.put(key, _GONE)

    # Blocks.

    def transaction(self):
        """A block to use with ``with``: all of it is saved at its end or, if it raises, none.

        Then all is as it was, also what was changed inside of values that the block read. Other
        threads wait for its end. Blocks nest on one thread: an inner transaction rolls back alone,
        and the outermost block saves everything, in one batch. Don't ``await`` in a block.
        """
        return _Block(self, True)

    def lock(self):
        """As transaction(), but if it raises, what was done so far stays and is saved."""
        return _Block(self, False)

    # Saving.

    def flush(self):
        """Save everything, in-place changes too, into the JSON file. Writes nothing if it is so.

        In a block it does nothing: the block saves at its end. Raises as close() does.
        """
        with self.lock():
            if self._block.outer is None:
                self._save()

    def backup(self, path):
        """Write the data, in-place changes too, to a JSON file at path, atomically.

        Raises ValueError if that is a database in use, otherwise as close() does.
        """
        path = _full_path(path)
        with self.lock():
            if path in _in_use:
                raise ValueError(path + " is in use as a database")
            self._dump(path)
            _rename(path + ".tmp", path)

    def _closed(self):
        return ValueError(self._path + " is closed")

    def _not_in_block(self, what):
        if self._block.outer is not None:
            raise ValueError("can't %s %s inside its own block" % (what, self._path))

    def _find(self, key):
        try:
            return self._data[_slot(key)][key]
        except (LookupError, TypeError):  # TypeError: no str
            raise KeyError(key) if self._data else self._closed()

    def _load(self):
        path = self._path
        data = [{} for _ in range(_SLOTS)]
        self._log = self._tip = 0  # how many bytes of those files count
        self._base = None  # the CRC that X's seal has
        self._chain = None  # the chain at the journal's end. None: what it ends in is not known, so
        # nothing may be appended, and the next write folds

        def use(part):
            for key in part:
                data[_slot(key)][key] = part[key]

        try:
            self._recover()
            size = _size(path)
            if not size:
                if _size(path + ".log") or _size(path + ".tip"):
                    raise ValueError(path + " is missing or empty, but has a journal: restore it")
                self._data = data
                self._fold()
                return
            try:
                self._chain = self._base = _scan(path, use)
            except (ValueError, TypeError, RuntimeError) as error:
                raise ValueError("%s is damaged, or no database: %s" % (path, error))
            self._log, log_whole = self._replay(".log", use, data)
            self._tip, tip_whole = self._replay(".tip", use, data)
        except OSError as error:
            raise _blame(error, path)
        if not log_whole or not tip_whole:
            self._chain = None
        self._set_limit(size)
        self._data = data

    def _recover(self):
        """Finish a fold's rename that was cut: FAT first removes the old file."""
        if not _size(self._path) and _size(self._path + ".tmp"):
            try:
                _scan(self._path + ".tmp", _nothing, False)
            except ValueError:  # the cut came before the rename
                return
            _rename(self._path + ".tmp", self._path)

    def _replay(self, name, use, data):
        """Apply the batches of a journal file that continue the chain.

        Return how many of its bytes count, and whether it may be appended to. It may not if it
        ends in a torn batch, or begins with what the log has of a torn spill.
        """
        path = self._path + name
        size = _size(path)
        if not size:
            return 0, True
        with open(path, "rb") as file:
            at = begin = end = chain = 0
            mark = b" "
            for line in _lines(file, 0, size):
                if not at:
                    try:
                        chain = int(line, 16)
                    except ValueError:
                        break
                elif line[-1:] != b"\n" or line.strip():  # a blank line is padding
                    mark = line[8:9]
                    chain = crc32(line[9:-1], crc32(mark, chain))
                    if line != b"%08x" % chain + line[8:-1] + b"\n":
                        break
                at += len(line)
                if mark != b"+":
                    if chain == self._chain:
                        begin = at
                    end = at
                    last = chain
            if not begin or begin == end:  # stale
                return 0, True
            for line in _lines(file, begin, end):
                if line.strip():
                    record = json.loads(line[9:])
                    if len(record) > 1:
                        use({record[0]: record[1]})
                    else:
                        data[_slot(record[0])].pop(record[0], None)
        self._chain = last
        return end, begin == 9 and end == size

    def _set_limit(self, size):
        # How long the journal may get before a fold. Where X is inline a fold is cheapest.
        self._limit = 0 if size <= self.TIP_SIZE else 2 * size

    def _store(self, block, count, size):
        """Make a block's changes, count records of size bytes in all, durable."""
        journal = self._log + self._tip + size
        spill = self._tip + size > self.TIP_SIZE
        if self._chain is None:
            self._fold()
        elif spill and journal > self._limit:
            try:
                self._fold()
            except (OSError, MemoryError, TypeError, ValueError):
                if self._chain is None:
                    raise
                self._limit = 2 * journal  # the journal will do, and no new try at each write
                self._append(block, count, spill)
        else:
            self._append(block, count, spill)

    def _append(self, block, count, spill):
        tip = self._path + ".tip"
        path = self._path + ".log" if spill else tip
        size = self._log if spill else self._tip
        new = not size
        chain = self._chain
        self._chain = None
        try:
            with open(path, "wb" if new else "ab") as file:
                if spill and self._tip:
                    with open(tip, "rb") as source:
                        if not new:
                            source.read(9)  # only a file's first chain is written
                        for chunk in _chunks(source, self._tip):
                            size += file.write(chunk)
                elif new:
                    size = file.write(b"%08x\n" % chain)
                for key, new_value in block.changes():
                    count -= 1
                    mark = b"+" if count else b" "
                    text = _record(key, new_value)
                    chain = crc32(text, crc32(mark, chain))
                    size += file.write(b"%08x" % chain + mark)
                    size += file.write(text)
                    size += file.write(b"\n")
                # littlefs copies the last block at each append: where that is too much for what is
                # appended, go on in a fresh block.
                if spill and size % _BLOCK > 16 * (size - self._log):
                    while size % _BLOCK:
                        size += file.write(b" " * min(62, -size % _BLOCK - 1) + b"\n")
                _sync(file)
            if new:
                _sync_folder(path)
        except OSError as error:
            raise _blame(error, path)
        if spill:
            self._log = size
            self._tip = 0
        else:
            self._tip = size
        self._chain = chain

    def _save(self):
        """Fold, unless X has it all."""
        left = len(self)

        def use(part):
            nonlocal left
            for key in part:
                if not _same(part[key], self._data[_slot(key)].get(key)):
                    raise ValueError
                left -= 1

        if self._chain is not None and not self._log and not self._tip:
            try:
                _scan(self._path, use)
                if not left:
                    return
            except (OSError, ValueError):
                pass
        self._fold()

    def _repair(self):
        """After a failed write: have no journal on the disk that says more than memory does."""
        try:
            self._fold()
        except (OSError, MemoryError, TypeError, ValueError):
            pass  # then the next write folds

    def _fold(self):
        path = self._path
        if self._chain is None:
            self._recover()
        # A stale journal must be gone before X may become again what it once continued.
        if not self._log:
            _remove(path + ".log")
        if not self._tip:
            _remove(path + ".tip")
        crc, size = self._dump(path)
        chain = self._chain
        self._chain = None
        try:
            _rename(path + ".tmp", path)
        except OSError as error:
            if _size(path) and _size(path + ".tmp"):  # nothing happened
                self._chain = chain
            raise _blame(error, path)
        self._log = self._tip = 0
        self._set_limit(size)
        self._chain = self._base = crc

    def _dump(self, path):
        """Write all data to path.tmp, synced; return its CRC and size. On failure remove it."""
        path += ".tmp"
        try:
            with open(path, "wb") as file:
                crc = size = 0
                for text in self._texts():
                    crc = crc32(text, crc)
                    size += file.write(text)
                if crc == self._base:  # a journal that continues X must not continue the new one
                    crc = crc32(b"\n", crc)
                    size += file.write(b"\n")
                size += file.write(_seal(crc))
                _sync(file)
            return crc, size
        except BaseException as error:
            try:
                _remove(path)
            except OSError:
                pass
            raise _blame(error, path) if isinstance(error, OSError) else error

    def _texts(self):
        comma = b"{\n"
        for data in self._data:
            for key in data:
                yield comma
                yield _encode(key)
                yield b":"
                yield _encode(_plain_at(key, data[key], True))
                comma = b",\n"
        yield b"{\n}\n" if comma == b"{\n" else b"\n}\n"
