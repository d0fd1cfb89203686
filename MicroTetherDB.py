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

``X``      The data: one JSON object, one key per line, UTF-8. It is only ever replaced as a whole
           (a *fold*): ``X.tmp`` is written, synced and renamed over it. Its last two lines look
           blank to any JSON reader: each spells a CRC-32 in 32 spaces and tabs. The last is the
           *seal*, the CRC of all before it. The other repeats the seal of the X that this one
           replaced: a journal that continues that one is stale. A file without a seal, made by
           another program, can be read too.
``X.log``  The *journal*: what has changed since the fold, except for its newest records.
``X.tip``  The newest records. While a file is short, littlefs keeps it inside the folder's own
           block, where appending hardly ever costs an erase. A full tip is appended to the log as
           it is (a *spill*).

Each line of the journal is a *record*: a JSON text, a mark (``+`` if its *batch* goes on, a space
if it is the last one), 8 hex digits, the *chain*, and a newline. ``["key",value]`` sets a key,
``["key"]`` deletes it. The chain is the CRC-32 of what comes before it in the line, continued from
the chain of the record before, in the log or the tip; the first record of all continues X's seal.

A line that does not continue the chain is skipped, and a batch counts only if it is whole. This
one rule excludes a journal from before the fold, what a spill has already copied to the log, and a
record torn by a power cut. Each batch is written right after the last one that counts, over
whatever is there, and only once that one has been synced. So a whole batch after a broken one
proves that the broken one was whole once: that is damage, and the database is not opened.
"""

# The annotations are for the type checkers of programs that use this module. Where a board and a
# PC each define a name, pyright takes the last definition, the board's, so that one has the PC's
# annotations. The module itself isn't checked:
# mypy: ignore-errors

import gc
import json
import os
import sys

# MicroPython looks for a built-in name among the module's globals before anywhere else. So those
# that are used most are made globals.
from builtins import bytes, dict, id, isinstance, len, list, memoryview, range, str, type  # noqa: UP029

__version__ = "2.0.0"

# The runtime: what differs between MicroPython and CPython. The rest asks for _ON_PC only.

try:
    from micropython import const
except ImportError:
    const = int  # which returns an int as it is
    _ON_PC = True
else:
    _ON_PC = const(0)  # a constant, so the compiler leaves out what is under `if _ON_PC`
    # The keys of a database are spread over this many dicts, its slots. A board may hash a str to
    # as few as 8 bits, which makes a large dict slow. A power of two: `&` is faster than `%`.
    _SLOTS = const(16)
    # About how many of the dicts and lists that are read in a lock() it copies.
    _MAX_COPIES = const(100)

_ENOENT = const(2)
_ENOENT_IN_A_BROWSER = const(44)
_EIO = const(5)
_EACCES = const(13)
_EBUSY = const(16)
_EISDIR = const(21)
_EINVAL = const(22)
_ENOSPC = const(28)
_EROFS = const(30)

try:
    from binascii import crc32

    _hash = crc32  # here it takes a str, too
except ImportError:  # ESP8266
    _hash = len

    def crc32(data, crc=0):
        crc ^= 0xFFFFFFFF
        for byte in data:
            crc ^= byte
            for _ in range(8):
                crc = crc >> 1 ^ (0xEDB88320 & -(crc & 1))
        return crc ^ 0xFFFFFFFF


if _ON_PC:
    from collections.abc import ItemsView, Iterator, KeysView, MutableMapping, ValuesView
    from contextlib import AbstractContextManager, suppress
    from functools import partial
    from os.path import realpath as _full_path
    from threading import RLock as allocate_lock
    from threading import get_ident
    from typing import Any
    from weakref import ref

    _SLOTS = 1
    _hash = len  # any function will do for one slot
    _MAX_COPIES = sys.maxsize

    try:
        from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
    except ImportError:  # Windows: a second program isn't refused there
        flock = None

    _Mapping = MutableMapping[str, Any]
    _encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    _fsync = getattr(os, "fdatasync", os.fsync)
    _NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)  # Windows has none

    def _encode(value):
        return _encoder.encode(value).encode("utf-8", "surrogatepass")

    def _decode(view):
        return json.loads(bytes(view))

    def _with_path(error, path):
        """Return an OSError that names a file: this one, with the path if it names none, or a
        clearer one if there is no folder for the path."""
        if not os.path.isdir(os.path.dirname(path)):
            return FileNotFoundError(_ENOENT, "there is no folder for it: make one first", path)
        if error.filename is None and path not in str(error):
            error.filename = path
        return error

    def _task():
        """Return a weak reference to the asyncio task that is running, always the same one, or
        None. Weak, so that a task that nobody resumes is freed: that ends the block it is in."""
        with suppress(AttributeError, KeyError, RuntimeError):  # asyncio may be half imported
            task = sys.modules["asyncio"].current_task()
            return task and ref(task)

    # Files keep their mode and owner, and are on the disk when _sync() or _rename() returns.

    def _open_at(start, path, like=None):
        """Open a file for writing, but not through a link: the one that is there or, if start is
        0, a new one. That has the mode and owner of the file at like or, by default, of X."""
        if start:
            if os.path.islink(path):  # what counts is gone, so _save() folds
                raise FileNotFoundError(_ENOENT, "a link is in its place", path)
            return open(path, "r+b", opener=lambda name, flags: os.open(name, flags | _NOFOLLOW))
        x = path[:-4]  # path is that of X's .tmp, .log or .tip
        stat = _stat(like or x)
        if not like and stat and not (stat.st_mode & 0o200 and os.access(x, os.W_OK)):
            raise PermissionError(_EACCES, "it is read-only", x)
        with suppress(FileNotFoundError):
            os.unlink(path)
        if stat is None:
            return open(path, "xb")
        file = open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))  # noqa: SIM115
        if os.name == "posix":
            # Only root may give a file away. Others may still set a group that they belong to: -1
            # keeps the owner.
            for owner in (stat.st_uid, -1):
                with suppress(PermissionError):
                    os.fchown(file.fileno(), owner, stat.st_gid)
            os.fchmod(file.fileno(), stat.st_mode & 0o7777 | 0o200)
        return file

    def _sync(file):
        file.flush()
        _fsync(file.fileno())

    def _collect():
        """Do nothing: CPython keeps its own heap in order."""

    def _sync_folder(path):
        if os.name == "posix":
            folder = os.open(os.path.dirname(path), os.O_RDONLY)
            try:
                os.fsync(folder)
            except OSError as error:
                if error.errno != _EINVAL:  # some file systems can't sync a folder
                    raise
            finally:
                os.close(folder)

    def _rename(old, new):
        os.replace(old, new)
        _sync_folder(new)

else:
    _Mapping = object  # type: type[MutableMapping[str, Any]]
    _rename = os.rename
    _decode = json.loads

    try:
        from _thread import allocate_lock, get_ident
    except ImportError:  # ESP8266: one thread
        get_ident = int

        class allocate_lock:
            acquire = release = __enter__ = __exit__ = lambda *_: None

    def _encode(value):
        return json.dumps(value, separators=(",", ":")).encode()

    try:
        _encode(0)
    except TypeError:  # old firmware

        def _encode(value):
            return json.dumps(value).encode()

    def _with_path(error, path):
        """Return an OSError like this one that names the path, unless it has a text already."""
        return OSError(*(error.args + (path,))[:2])

    _main_thread = get_ident()

    def _task():
        """Return the asyncio task that is running, or None. Only the main thread runs any."""
        core = sys.modules.get("asyncio.core") or sys.modules.get("uasyncio.core")
        if core and get_ident() == _main_thread:
            return getattr(core, "cur_task", None)  # asyncio may be half imported
        return None

    def _open_at(start, path):
        """Open a file for writing: the one that is there or, if start is 0, a new one.

        There must be no branch between this and the `with`, or Ctrl-C could leave the file open
        there. Once it is garbage-collected, littlefs would write it back as it was.
        """
        mode = "r+b" if start else "wb"
        return open(path, mode)

    def _sync(file):
        file.flush()

    def _sync_folder(path):
        """Raise OSError unless a file that was just made is in its folder. If the disk has failed
        while the folder grew, FAT may make files past its end. After a reboot they are gone."""
        if not _stat(path):
            raise OSError(_EIO)

    def _collect():
        """Collect garbage. MemoryError if Ctrl-C has come in the middle of a collection, as it may
        on the unix port: another one would free what is in use."""
        bytearray(1)  # which raises that, since the heap is then still locked
        gc.collect()


# Values: what can be stored, and how it is copied and compared.
#
# own is always {id: it}, of the dicts and lists that belong to one value.

# The value of a key that isn't there. It equals nothing, so it also stands for a copy or checksum
# that can't be made or isn't needed.
_MISSING = object()
_CONTAINERS = (dict, list)
_SIMPLE = (str, int, float, bool, type(None))
_MAX_DEPTH = const(16)  # of dicts and lists in each other: what a board's small stack can save
_MAX_DIGITS = const(4300)  # of an int: what CPython reads
_MAX_BITS = const(14284)  # the same in bits
_MAX_ROUNDINGS = const(100)  # before 1.26 MicroPython rounds some floats anew each time


def _where(place):
    """Return what messages call a place: db["a"]["b"][3].

    A place is a str, "db", or a tuple of another place and a key or an index in it. So the text,
    which takes memory, is made only if it is needed.
    """
    path = ""
    while type(place) is tuple:
        place, key = place
        path = ('["%s"]' if isinstance(key, str) else "[%r]") % (key,) + path
    return place + path


def _joined(text, place):
    """Return a text with each pair of surrogates joined into the character that it stands for: a
    board reads JSON's \\ud83d\\ude00 as such a pair. ValueError for half of one."""
    data = was = _encode(text)
    at = data.find(b"\xed")
    while at >= 0:
        pair = data[at : at + 6]
        if pair[1] > 0x9F:  # ED A0 to ED BF begin a surrogate, from ED B0 on the second half
            if pair[1] > 0xAF or pair[3] != 0xED or pair[4] < 0xB0:
                raise ValueError(_where(place) + ": can't store a surrogate, half of a character")
            high = (pair[1] & 0x0F) << 6 | pair[2] & 0x3F
            low = (pair[4] & 0x0F) << 6 | pair[5] & 0x3F
            data = data[:at] + chr(0x10000 + (high << 10) + low).encode() + data[at + 6 :]
        at = data.find(b"\xed", at + 1)
    return text if data is was else json.loads(data)


def _simple(value, place):
    """Return a value that isn't a dict or list as it reads back, in a plain type. TypeError or
    ValueError if it can't be stored."""
    if type(value) not in _SIMPLE:
        name = type(value).__name__
        # A product is of the plain type, unless a subclass multiplies in its own way.
        if isinstance(value, _SIMPLE):
            if _ON_PC:
                kind = str if isinstance(value, str) else int if isinstance(value, int) else float
                value = kind.__mul__(value, 1)
            else:
                value = value * 1
        if type(value) not in _SIMPLE:
            n = "n" if name[:1] in "aeiou" else ""
            raise TypeError("%s: can't store a%s %s" % (_where(place), n, name))
    if value is None:
        return value
    if isinstance(value, str):
        return _joined(value, place)
    if isinstance(value, int):
        if value >> _MAX_BITS not in (0, -1):
            raise ValueError(_where(place) + ": can't store an int of 4,300 digits or more")
        return value
    back = value
    for _ in range(_MAX_ROUNDINGS):  # until it reads back as itself
        value = back
        if value * 0 != 0:  # inf, or no number
            break
        back = json.loads(_encode(value))
        if back == value:
            return value
    raise ValueError("%s: can't store %s: JSON has no such number" % (_where(place), value))


def _plain(value, place, own, depth=1):
    """Return a value as it reads back: a copy in plain types, since json may dump subclasses in
    other ways. Raises TypeError or ValueError if it can't be stored.

    A dict or list in own, which may be an _Unseen, isn't copied, but made plain itself, and taken
    out of own. So where it is found once more, that becomes a copy.

    place is as in _where(). depth is 1 for the value of a key; 0 for a dict of keys, or a list of
    a key and its value.
    """
    if isinstance(value, (dict, list, tuple)):
        if depth > _MAX_DEPTH:
            raise ValueError(_where(place) + ": nests too deep, or contains itself")
        is_dict = isinstance(value, dict)
        plain = value
        if type(value) not in _CONTAINERS or own.pop(id(value), None) is None:
            plain = {}
            if not is_dict:  # as it is walked: a subclass may have another length or other items
                plain = value = list(value)
            # If what holds it is shared, it will be found again: then it has to be a copy, too.
            own.pop(id(plain), None)
        for key in list(value) if is_dict else range(len(value)):
            item_place = place, key
            name = key
            if is_dict:
                if not isinstance(key, str):
                    raise TypeError(_where(item_place) + ": a key must be a str")
                name = _simple(key, item_place)
            was = value[key]
            item = _plain(was, item_place, own, depth + 1)
            if plain is value:
                if item is was and name is key:
                    continue  # a callback may have changed it meanwhile: that stays
                if name is not key:
                    del value[key]  # no branch from here on: Ctrl-C could come there
            plain[name] = item
        return plain
    return _simple(value, place)


def _is_storable(value, depth=0):
    """Whether a dict or list that json has read can be stored: it doesn't nest too deep, no int in
    it is too long, and no float is inf. depth is as in _plain()."""
    for item in value.values() if type(value) is dict else value:
        kind = type(item)
        if kind is int and item >> _MAX_BITS not in (0, -1) or kind is float and item * 0 != 0:
            return False
        if kind in _CONTAINERS and not (depth < _MAX_DEPTH and _is_storable(item, depth + 1)):
            return False
    return True


def _encode_item(key, value):
    """Return the JSON text of [key, value], and the list that this text reads back as.

    Raises TypeError or ValueError if it can't be stored.
    """
    item = [key, value]
    try:
        text = _encode(item)
        # Most texts are too short for an int that is too long, and have few brackets.
        is_small = len(text) < _MAX_DIGITS and (text.count(b"[") + text.count(b"{") <= _MAX_DEPTH)
        if b"\xed" not in text and type(key) is str:  # no surrogates, which begin with that
            back = json.loads(text if is_small else text + b"\n")  # a copy: see below
            if back == item and (is_small or _is_storable(back)):
                return text, back
    except (TypeError, ValueError, RuntimeError):  # the last: the stack is full
        pass
    # Perhaps it can't be stored, or it reads back as something else.
    place = "db", key
    if not isinstance(key, str):
        raise TypeError(_where(place) + ": a key must be a str")
    item = [_simple(key, place), _plain(value, place, {})]
    if len(item[0]) < len(key):  # a pair of surrogates was joined: it would not be found as given
        raise ValueError(_where(place) + ": can't store a surrogate, half of a character")
    text = _encode(item)
    # Read it while item is still held, and from a copy of the text. So storing takes more memory
    # than opening, and what could be stored can be opened.
    return text, json.loads(text + b"\n")


def _keys_of(value):
    """Return the keys of a dict, or the indexes of a list."""
    return value if isinstance(value, dict) else range(len(value))


def _is_same(a, b):
    """Whether a and b are the same JSON: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    kind = type(b)
    if type(a) is not kind or a != b:
        return False
    if kind in _SIMPLE:
        return str(a) == str(b)
    if kind not in _CONTAINERS:
        return False
    if _ON_PC and kind is dict and list(a) != list(b):
        return False
    for key in _keys_of(b):
        item = b[key]
        is_untouched = item is a[key] and type(item) in _SIMPLE  # most are, and this is faster
        if not is_untouched and not _is_same(a[key], item):
            return False
    return True


def _copy(value, own, depth=0):
    """Return a deep copy of a dict or list, without checking what is in it; _MISSING if it nests
    too deep. Add it, and all plain dicts and lists inside, to own.

    depth is one less than in _plain(), so that a value that has become one level too deep in place
    can be restored.
    """
    if isinstance(value, dict):
        copy = dict(value.items())
    elif isinstance(value, (list, tuple)):
        copy = list(value)
    else:
        return value  # a str of a subclass, say, or it can't be stored
    if depth > _MAX_DEPTH:
        return _MISSING
    if type(value) in _CONTAINERS:
        own[id(value)] = value
    for key in _keys_of(copy):
        item = copy[key]
        if type(item) not in _SIMPLE:
            copy[key] = item = _copy(item, own, depth + 1)
            if item is _MISSING:
                return item
    return copy


def _restore(value, copy, own):
    """Make a dict or list hold again what its copy holds. Return whether that could be done: it
    must still have the same keys, and each dict or list in it must be in own, and in it only once.
    own is used up.

    Raises MemoryError only. On MicroPython, another exception for which there is no memory would
    replace the one that the block has raised.
    """
    kind = type(copy)
    if own.pop(id(value), None) is not value or type(value) is not kind or len(value) != len(copy):
        return False
    for key in _keys_of(copy):
        if kind is dict and key not in value:
            return False
        if type(copy[key]) in _SIMPLE:
            value[key] = copy[key]
        elif not _restore(value[key], copy[key], own):
            return False
    return True


def _add_containers(value, own, depth=0):
    """Add a dict or list, and all plain dicts and lists inside, to own. Return own. depth is as in
    _copy()."""
    if depth <= _MAX_DEPTH:
        own[id(value)] = value
        # Not by keys and indexes: a callback may remove some meanwhile.
        for item in value.values() if isinstance(value, dict) else value:
            if type(item) in _CONTAINERS and id(item) not in own:
                _add_containers(item, own, depth + 1)
    return own


def _checksum(value):
    """Return a checksum of a dict or list; _MISSING if it nests too deep for the stack."""
    try:
        return crc32(str(value).encode()) >> 2  # 30 bits: a small int, which is not on the heap
    except RuntimeError:
        return _MISSING


# How far an id is shifted to find its bit in an _Unseen, and that bit's byte and page.
_BIT_SHIFT = const(4)  # a bit for each 16 bytes of memory
_BYTE_SHIFT = const(7)
_PAGE_SHIFT = const(14)
_PAGE_SIZE = const(128)  # in bytes


class _Unseen:
    """The dicts and lists that _plain() hasn't found yet: at first, all. Given to it as own, this
    finds what is in a database twice.

    A dict of that many would need a lot of memory in one piece. This has a bit for each 16 bytes
    of memory, as no two objects begin in the same 16, and keeps the bits in small pieces.
    """

    def __init__(self):
        self.pages = {}  # {id >> _PAGE_SHIFT: bytearray}: a bit is 1 for what was taken out

    def flip(self, number):
        """Take an id out or, if it is out already, put it back. Return whether it is out now."""
        page = self.pages.get(number >> _PAGE_SHIFT)
        if page is None:
            self.pages[number >> _PAGE_SHIFT] = page = bytearray(_PAGE_SIZE)
        at = number >> _BYTE_SHIFT & (_PAGE_SIZE - 1)
        bit = 1 << (number >> _BIT_SHIFT & 7)
        page[at] ^= bit
        return page[at] & bit

    def pop(self, number, default):
        if self.flip(number):
            return self
        self.flip(number)
        return default


# The store: the files of a database.

_SEAL_SIZE = const(33)
_EMPTY_SIZE = const(70)  # of an X without keys, in bytes
_CHAIN_SIZE = const(9)  # in bytes, with the newline after it
_RECORD_END = const(10)  # what follows a record's text: the mark and the chain
_MARKS = (b" ", b"+")  # of a record that ends its batch, and of one that doesn't
_ANY = (b"",)  # for _read_sealed(): each line contains that
# What stands for the seal of an X without a good one. All seals are greater.
_NO_X = const(-1)
_NO_SEAL = const(-2)  # another program made it
_DAMAGED = const(-3)  # its seal is wrong
# What a backup holds in place of the previous seal: of the two, the one that the file it replaces
# doesn't hold. So two backups of the same data differ in their seals.
_BACKUP = const(1)
_OTHER_BACKUP = const(2)
_BACKUPS = (_BACKUP, _OTHER_BACKUP)
_DAMAGE = "%s is %s. Restore a backup and remove .log, .tip and .tmp, or see mtdb.py repair"
_PIECE = const(512)  # how many bytes of a file are read, or of a batch kept, at once
_KEYS_AT_ONCE = const(4)  # in a part of a journal: few, so that garbage is collected in time
_ERASE_SIZE = const(4096)  # of flash
_MOST_COPIED = const(16)  # an append may copy up to this many times what it appends
_TAB = const(9)
_SPACE = const(0x20)
_OPEN_BRACE = const(0x7B)
_CLOSE_BRACE = const(0x7D)
_S_IFMT = const(0xF000)  # the bits of a file's mode that say what it is
_S_IFREG = const(0x8000)


def _bits(crc):
    """Return the line, blank to any JSON reader, that holds a CRC."""
    line = bytearray(32 * b" " + b"\n")
    for bit in range(32):
        if crc >> bit & 1:
            line[31 - bit] = _TAB
    return line


def _stat(path):
    """Return what os.stat() does, but None if there is no such file."""
    try:
        return os.stat(path)
    except OSError as error:
        if _ENOENT not in error.args and _ENOENT_IN_A_BROWSER not in error.args:
            raise
    return None


def _size(path):
    """Return the file's length in bytes, 0 if there is none."""
    stat = _stat(path)
    if stat is None:
        return 0
    if stat[0] & _S_IFMT != _S_IFREG:
        raise OSError(_EISDIR, path + " is not a regular file")
    return stat[6]


def _pieces(file, at):
    """Yield the lines of a file from the offset at on, some 512 bytes of whole lines at a time:
    (at, text, end). The lines are text[1:end], and at is now their offset. Behind them, text has
    room for at least 2 bytes more.

    All pieces are read into one buffer: one for each would leave holes in the heap. A line that is
    longer isn't read: text is None then, and the file is at its beginning. The caller opens the
    file: a generator that is left early would not close it.
    """
    buffer = bytearray(1 + _PIECE + 2)
    while True:
        text = buffer
        file.seek(at)
        end = 1 + file.readinto(memoryview(text)[1 : 1 + _PIECE])
        if end == 1 + _PIECE:
            whole = bytes(text).rfind(b"\n") + 1
            if whole > 1:
                end = whole
            else:
                line = b" "
                while line and not line.endswith(b"\n"):
                    line = file.readline(_PIECE)
                    end += len(line)
                text = None
                file.seek(at)
        if end == 1:
            return
        yield at, text, end
        at += end - 1


def _lines(file, start):
    """Yield (at, line) for each line of a journal file, from the offset start on."""
    for at, text, end in _pieces(file, start):
        if text is None:
            yield at, file.read(end - 1)
            continue
        text = bytes(memoryview(text)[1:end])  # an old firmware's bytearray has no find()
        done = 0
        while done < len(text):
            stop = text.find(b"\n", done) + 1 or len(text)
            yield at + done, text[done:stop]
            done = stop


def _records(file, chain, start):
    """Yield (at, line, chain) for each record of a file, from the offset start on, that continues
    the chain: its offset, itself, its own chain."""
    for at, line in _lines(file, start):
        its_chain = crc32(memoryview(line)[:-_CHAIN_SIZE], chain)
        if line.endswith(b"%08x\n" % its_chain):
            chain = its_chain
            yield at, line, chain


def _split(line):
    """Yield (start, stop) for each record in a line of a journal: there is more than one where the
    newline after a batch is broken."""
    # A line that ends like a record isn't copied: it may be long.
    if b" " in line[-_CHAIN_SIZE:] or line[-_RECORD_END:-_CHAIN_SIZE] not in _MARKS:
        bare = line.rstrip(b" \n")
        if not bare.strip(b"\0"):
            return
        if bare[-_RECORD_END:-_CHAIN_SIZE] in _MARKS:
            line = bare  # the newline before the padding is what is broken
    start = stop = 0
    while stop >= 0:
        stop = line.find(b'["', stop + 1)
        if stop < 0:
            yield start, len(line)
        elif (
            line[stop - _RECORD_END - 1 : stop - _CHAIN_SIZE] == b"] "
            # A text in a value may hold that, too, but hardly with a chain behind it.
            and not line[stop - _CHAIN_SIZE : stop - 1].strip(b"0123456789abcdef")
        ):
            yield start, stop
            start = stop


def _last_durable(file, chain, start):
    """Return the chain of the last record of a journal file, from the offset start on, that must
    have been durable once: a batch that continues it was written later. None if there is none.

    The argument chain is that of what comes before start, all of which counts.
    """
    durable = None
    before = ()  # what the chain of the record before may be, if it ends its batch
    for at, line in _lines(file, start):
        for begin, stop in _split(line):
            text = memoryview(line)[begin : stop - _CHAIN_SIZE]
            digits = line[stop - _CHAIN_SIZE : stop]
            try:
                said = int(digits[:-1], 16)  # whatever the newline became
            except ValueError:
                said = 0
            for maybe in before:
                if said == crc32(text, maybe):
                    # If only the newline between the two is broken, this batch isn't torn either,
                    # so it was durable, too.
                    durable = said if begin else maybe
            if not at and b"\0" not in line and digits == b"%08x\n" % said:
                # A file's first record has none before it to be checked against: it was durable
                # if it looks whole.
                durable = said
            # The text's last byte or the mark may be broken. If both are equal, this may be a page
            # that was never written.
            mark = line[stop - _RECORD_END - 1 : stop - _CHAIN_SIZE]
            ends_batch = mark[:1] != mark[1:] and b"+" not in mark
            before = (said, crc32(text, chain)) if ends_batch else ()
            chain = said
    return durable


def _parse(text, end, path):
    """Return what text[:end], JSON from the file at path, holds. ValueError if a number in it is
    too large for this board's floats, or if it isn't UTF-8, which old firmware lets one store."""
    try:
        value = _decode(memoryview(text)[:end])  # no copy: it may be long
    except ValueError:
        why = "unreadable here: not UTF-8, or with too large an int"
        raise ValueError(_DAMAGE % (path, why)) from None
    if b"e+" in text and not _is_storable(value):
        _plain(value, path + " can't be opened here: db", {}, 0)
    return value


def _seals_of(path):
    """Return the seals of the X at path, or what stands for them: its own, and that of the X
    before."""
    left = _size(path)
    if not left:
        return _NO_X, _NO_X
    with open(path, "rb") as file:
        left -= _SEAL_SIZE
        file.seek(max(left - _SEAL_SIZE, 0))
        tail = file.read()
        previous = tail[:-_SEAL_SIZE]
        seal = tail[-_SEAL_SIZE:]
        if left <= 0 or seal.strip(b" \t") != b"\n":
            return _NO_SEAL, _NO_X
        crc = 0
        file.seek(0)
        piece = memoryview(bytearray(_PIECE))
        while left > 0:
            size = file.readinto(piece[:left])
            left -= size or left  # 0: it has become shorter meanwhile
            crc = crc32(piece[:size], crc)
    if _bits(crc) != seal:
        return _DAMAGED, _NO_X
    if previous.strip():  # version 1 knew only one seal
        return crc, _BACKUP
    return crc, int(previous[:-1].replace(b" ", b"0").replace(b"\t", b"1"), 2)


def _read_sealed(path, texts):
    """Yield the data of an X with a seal in parts, dicts of some keys each: of all keys whose
    lines contain one of the texts, and perhaps of others."""
    with open(path, "rb") as file:
        start = 1 + (file.read(2) == b"{\n")
        for at, text, end in _pieces(file, start):
            if text is None:
                text = bytearray(end + 2)
                file.readinto(memoryview(text)[1:end])
            text[0] = _OPEN_BRACE  # in the margin; the closing one replaces the last comma
            if text[end - 2 : end] != b",\n":
                break
            for wanted in texts:
                # Another runtime may have escaped a key differently.
                if wanted in text or b"\\" in wanted:
                    text[end - 2] = _CLOSE_BRACE
                    yield _parse(text, end, path)
                    break
        file.seek(at + end - 1)  # the last piece: X's own brace may come right after it
        end += file.readinto(memoryview(text)[end:])
        yield _parse(text, end, path)


def _is_object(text):
    """Whether a text is a JSON object, as this runtime sees it."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _read_foreign(path):
    """Yield the data of a JSON file that another program made, as one dict."""
    try:
        with open(path, "rb") as file:
            # Firmware before 1.26 also reads an object that was cut off, even with another brace
            # behind it. Behind a whole one, that would be an error.
            is_cut_off = _is_object(b"{") and _is_object(file.read() + b"}")
            file.seek(0)
            data = json.load(file)
        if is_cut_off or not isinstance(data, dict):
            raise ValueError("it isn't a whole JSON object")
        yield _plain(data, "db", {id(data): data}, 0)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(path + " can't be opened: " + (str(error) or "it isn't UTF-8")) from None


def _write_batch(file, texts, chain):
    """Write a record for each of the texts. Return the chain at its end."""
    is_first = True
    for text in texts:
        if not is_first:  # only now it is known that the batch goes on
            chain = crc32(b"+", chain)
            file.write(b"+%08x\n" % chain)
        is_first = False
        chain = crc32(text, chain)
        file.write(text)
    if not is_first:  # there is none if a callback has taken all changes back meanwhile
        chain = crc32(b" ", chain)
        file.write(b" %08x\n" % chain)
    return chain


class _Store:
    """The files of one database. It knows records and batches, but no blocks and locks.

    A suffix is the end of a file's name: ".log", say. A variable called start, end or at is an
    offset in a file.
    """

    # X.
    seal = _NO_SEAL  # that of X, or what stands for it
    # Whether X repeats the seal of the X before: not if it is another program's, a backup or
    # version 1's. Without that, a journal with a damaged beginning can't be told from a stale one.
    # So the first write folds.
    has_previous = False
    has_tmp = False  # whether there may be an X.tmp, of a fold that was cut off or has failed

    # The journal: the chain at its end, and how many bytes of X.log and of X.tip count. One tuple,
    # so that Ctrl-C can't come when only some of it is set. Each batch and each fold makes a new
    # one: this tells a block whether its changes are durable.
    journal = _NO_SEAL, 0, 0
    failed = None  # a batch that failed: its file's suffix, and the offset at which it begins
    must_fold = False  # whether the journal can't be continued: the next write or close() folds
    written = _NO_X  # the seal of the X that was written last, even if that isn't in place yet
    disk_failed = False  # whether that was after the last save: another card may be there now

    if _ON_PC:
        like = None  # the file whose mode and owner a new X gets, if not those of the old X

    def __init__(self, path):
        self.path = path

    def read(self):
        """Yield what the files hold in parts, dicts of some keys each, the oldest first. The value
        of a key that was deleted is _MISSING.

        Raises ValueError if they are damaged, or not a database's. Changes nothing, except that it
        finishes a rename that was cut off: FAT removes the old X before it renames X.tmp.
        """
        path = self.path
        suffixes = self.check_files()
        path_now, (seal, previous) = self.find()
        if seal == _DAMAGED:
            why = "damaged (if you edited it, delete its last two, blank lines)"
            raise ValueError(_DAMAGE % (path, why))
        self.seal = seal
        if seal <= _NO_X:
            # A torn X.tmp no larger than that is all there is of a new database.
            if suffixes or seal == _NO_X and _size(path + ".tmp") > _EMPTY_SIZE:
                why = "missing, cut off or edited, while .log, .tip or a broken .tmp is there"
                raise ValueError(_DAMAGE % (path, why))
            if seal == _NO_SEAL:
                yield from _read_foreign(path)
            return
        self.has_previous = previous not in _BACKUPS
        yield from _read_sealed(path_now, _ANY)
        yield from self.read_journal(suffixes, previous)
        if path_now != path:
            _rename(path_now, path)

    def check_files(self):
        """Raise ValueError if .tmp, .log or .tip is plainly another program's. Set has_tmp, and
        return which of .log and .tip aren't empty."""
        self.has_tmp = False
        suffixes = []
        for suffix in (".tmp", ".log", ".tip"):
            path = self.path + suffix
            if _size(path):
                with open(path, "rb") as file:
                    first = file.read(_PIECE).strip(b"\0 \n")[:2]
                opening = b'["'
                if suffix == ".tmp":
                    opening = b"{\n"
                    self.has_tmp = True
                else:
                    suffixes.append(suffix)
                # There may be nothing left of a torn batch.
                if not opening.startswith(first):
                    raise ValueError(
                        path + " is not a database's: move it away, or see mtdb.py repair"
                    )
        return suffixes

    def find(self):
        """Return the path at which X is now, and its seals, as _seals_of() does.

        To rename X.tmp, FAT removes the old X, enters X as a second name, and removes the first.
        Cut off after the first step, X is at X.tmp; after the second, ValueError is raised.
        """
        path = self.path
        seals = _seals_of(path)
        if self.has_tmp:
            tmp = path + ".tmp"
            renamed = _seals_of(tmp)
            if renamed[0] > _NO_X:
                if seals[0] == _NO_X:
                    return tmp, renamed
                if seals[0] == renamed[0]:
                    raise ValueError(
                        path + " and its .tmp are one file on this disk: copy it elsewhere, "
                        "remove both, copy it back"
                    )
        return path, seals

    def read_journal(self, suffixes, previous):
        """Yield the changes in the batches of the journal that continue the seal.

        What follows the last of these in a file will be overwritten. Raises ValueError if some of
        that was durable once, unless it counts in the other file, since a spill has copied it, or
        is stale, from before the last fold.
        """
        chain = self.seal
        log = tip = 0
        for suffix in suffixes:
            with open(self.path + suffix, "rb") as file:
                chain, end = yield from self.follow(file, chain)
                durable = _last_durable(file, chain, end)
            if suffix == ".log":
                log = end
            else:
                tip = end
            # Where X doesn't repeat that seal, a file of which nothing counts may be stale.
            if durable is not None and (log or tip or self.has_previous):
                self.must_have(durable, suffix, suffixes, previous)
        self.journal = chain, log, tip

    def follow(self, file, chain):
        """Yield, in parts, the changes in the batches of a journal file that continue the chain.
        Return the chain and the offset where the last of these ends."""
        end = 0
        part = {}
        is_long = False  # whether the next batch has more than one record
        for at, line, its_chain in _records(file, chain, end):
            if line[-_RECORD_END:-_CHAIN_SIZE] != b" ":
                is_long = True
                continue
            # Read the batch again, from its first record: all of it may not fit into memory.
            batch = _records(file, chain, end) if is_long else ((at, line, its_chain),)
            for _, record, _ in batch:
                change = _parse(record, -_RECORD_END, self.path)
                # On a PC, a key that was deleted and set again has become the last one: so its
                # two changes go into two parts.
                if _ON_PC and change[0] in part or len(part) == _KEYS_AT_ONCE:
                    yield part
                    part = {}
                part[change[0]] = change[1] if len(change) > 1 else _MISSING
                if record == line:
                    break
            chain = its_chain
            end = at + len(line)
            is_long = False
        yield part
        return chain, end

    def must_have(self, chain, its_suffix, suffixes, previous):
        """Raise ValueError if the record with that chain is lost. It isn't if it is in the journal
        of this X or of the one before, nor if a record of the file where it was found, its_suffix,
        continues the X before: then that file is stale."""
        for seal in (self.seal, previous):
            end = seal  # the chain at the end of the batches that continue the seal
            for suffix in suffixes:
                with open(self.path + suffix, "rb") as file:
                    for _, line, its_chain in _records(file, end, 0):
                        if its_chain == chain:
                            return
                        if suffix == its_suffix and seal == previous:
                            return
                        if line[-_RECORD_END:-_CHAIN_SIZE] == b" ":
                            end = its_chain
        raise ValueError(_DAMAGE % (self.path, "beside a damaged journal, or another database's"))

    def read_again(self, texts):
        """Read X again, when there is no journal. Return its parts, as _read_sealed() does; none
        if X is gone or damaged by now."""
        if _seals_of(self.path)[0] != self.seal:
            return ()
        if self.seal == _NO_SEAL:
            return _read_foreign(self.path)
        return _read_sealed(self.path, texts)

    def append(self, texts, spills):
        """Make a batch durable, a record for each of the texts: in the tip or, if it spills, in
        the log, behind a copy of the tip. If this raises, roll_back() keeps it from counting."""
        chain, log, tip = self.journal
        suffix, start = ".tip", tip
        copied = 0
        if spills:
            suffix, start = ".log", log
            copied = tip
            if not log + tip:
                # A stale tip can't be recognised without its log, which is about to be replaced.
                self.remove(".tip")
        path = self.path + suffix
        # For roll_back(). 0 if nothing in the file counts: a stale one may begin with a record.
        self.failed = suffix, start + copied if start else 0
        if self.has_tmp:
            # What a fold that was cut off has left must not be taken for newer than the journal.
            self.remove_tmp()
        with _open_at(start, path) as file:
            if file.seek(0, 2) < start:
                raise OSError(_ENOENT)  # what counts of it is gone
            file.seek(start)
            if copied:
                self.copy_tip(file, copied)
            chain = _write_batch(file, texts, chain)
            end = file.tell()
            if spills:
                # littlefs copies a file's last block to append to it: pad it, unless short.
                most = _MOST_COPIED * (end - start)
                while end % _ERASE_SIZE > most:
                    end += file.write(b" " * min(62, -end % _ERASE_SIZE - 1) + b"\n")
            elif _ON_PC and -start % _ERASE_SIZE < end - start:
                # A PC syncs faster what is overwritten than what grows.
                file.write((b" " * 63 + b"\n") * (_ERASE_SIZE // 64))
            _sync(file)
        if not start:
            _sync_folder(path)
        self.disk_failed = False  # first: there may be no memory for a new attribute
        self.journal = (chain, end, 0) if spills else (chain, log, end)
        self.failed = None

    def copy_tip(self, file, left):
        """Copy what counts of the tip to the log, in small pieces, which take little memory."""
        with open(self.path + ".tip", "rb") as source:
            while left:
                text = source.read(min(left, 64))
                if not text:
                    raise OSError(_ENOENT)
                left -= file.write(text)

    def roll_back(self):
        """If a batch has failed, keep it from counting, as it may have reached the disk. It stays
        noted as failed until that has worked."""
        if not self.failed:
            return
        _collect()  # as in _recover(): this may have failed, and be called again
        suffix, start = self.failed
        path = self.path + suffix
        try:
            if self.is_another():
                return  # until its own card is back
            if _ON_PC and not start:
                # It may be what was there before: a link to another file, say, isn't followed.
                self.remove(suffix)
                _sync_folder(path)
            elif _stat(path) and (not _ON_PC and self.disk_failed or _size(path) > start):
                # It isn't removed: if that failed, FAT might show it as gone, though it is there.
                # If the disk has failed, that is done even if the file is no longer than before:
                # littlefs keeps what it could not program, and writes it along with another file.
                with _open_at(start, path) as file:
                    file.seek(min(start, file.seek(0, 2)))  # past its end FAT shows old data
                    file.write(b"\n")
                    _sync(file)
            self.failed = None
        except Exception:
            pass

    def prepare(self):
        """Before anything is saved, roll back what has failed. Raises OSError if is_another()."""
        if self.is_another():
            why = " is another one now: put its card back, or open it again"
            raise OSError(_EBUSY, self.path + why)
        self.roll_back()

    def is_another(self):
        """Whether another X is there now that the disk has failed: the card was changed, say."""
        try:
            own = _NO_X, _DAMAGED, self.seal, self.written
            return self.disk_failed and _seals_of(self.path)[0] not in own
        except OSError:
            return False  # it can't be read: a fold may mend that

    def fold(self, dicts):
        """Write X anew with all that is in the dicts. Then the journal is stale."""
        must_fold = self.must_fold
        _, log, tip = self.journal
        if must_fold:
            there = self.end_rename()[0]
            # A fold that has failed may have taken effect.
            if there > _NO_X and there != self.seal:
                if _ON_PC:
                    _sync_folder(self.path)
                log = tip = 0  # stale: they would soon be two X's old
                self.seal = there
        # A journal must not get older than the previous X, or it can't be recognised as stale.
        if not tip:
            self.remove(".tip")  # first: without the log, it can't be recognised as stale
        if not log:
            self.remove(".log")
        previous = max(self.seal, 0)
        seal = self.write(dicts, previous)
        self.failed = None
        self.disk_failed = False
        self.has_previous = previous not in _BACKUPS
        # After those: there may be no memory for a new attribute. And before the seal: if Ctrl-C
        # comes in between, the next fold removes the journal.
        self.journal = seal, 0, 0
        self.seal = seal
        try:
            # The journal may hold anything or, if the seal happens to be the same, isn't stale.
            if must_fold or seal == previous:
                self.remove_others()
            self.must_fold = False
        except Exception:
            pass  # all is saved: the next write tries again

    def replace(self, dicts):
        """Make X a backup of the dicts, with no journal that belongs to what was there."""
        self.check_files()
        self.seal, previous = self.end_rename()
        self.write(dicts, _OTHER_BACKUP if previous == _BACKUP else _BACKUP)
        self.remove(".tip", ".log")

    def end_rename(self):
        """Finish a rename that was cut off. Return X's seals, as _seals_of() does."""
        path_now, seals = self.find()
        if path_now != self.path:
            _rename(path_now, self.path)
        return seals

    def write(self, dicts, previous):
        """Replace X, in one step, by one with all that is in the dicts, and with previous as the
        seal of the X before. Return its seal. If this fails but may have taken effect, set
        must_fold."""
        path = self.path
        must_fold = self.must_fold
        tmp = path + ".tmp"
        file = _open_at(0, tmp, self.like) if _ON_PC else _open_at(0, tmp)
        self.has_tmp = True
        is_whole = False
        try:
            with file:
                crc = 0
                comma = b"{\n"
                for data in dicts:
                    for key, value in data.items():
                        line = memoryview(_encode({key: value}))[1:-1]
                        crc = crc32(line, crc32(comma, crc))
                        file.write(comma)
                        file.write(line)
                        comma = b",\n"
                tail = (b"\n" if comma == b",\n" else comma) + b"}\n" + _bits(previous)
                crc = crc32(tail, crc)
                file.write(tail + _bits(crc))
                _sync(file)
            is_whole = self.must_fold = True
            self.written = crc
            _rename(tmp, path)
            self.has_tmp = False
            return crc
        except BaseException:
            try:
                file.close()  # again, if closing is what failed: an open file must not be removed
            finally:
                if not is_whole or _seals_of(path)[0] == self.seal:  # nothing has happened
                    self.must_fold = must_fold
                    self.remove_tmp()
            raise

    def remove_tmp(self):
        """Remove X.tmp. OSError if that fails twice."""
        try:
            self.remove(".tmp")
        except OSError:
            self.remove(".tmp")  # once more: nobody would ever remove a backup's
        self.has_tmp = False

    def remove(self, *suffixes):
        """Remove those of the files that are there."""
        for suffix in suffixes:
            # Not by catching ENOENT: on a read-only disk it is another error.
            if _stat(self.path + suffix):
                os.remove(self.path + suffix)

    def remove_others(self):
        """Remove all files but X."""
        if self.seal != _NO_SEAL:  # else they are another program's
            self.remove(".tmp", ".tip", ".log")


# The block: what lock() and transaction() do, and the one lock of the program.

# File systems are not thread-safe, so all databases of a program share one lock. The thread that
# holds it is in a block: in one of the user's, or in an operation's.
_lock = allocate_lock()
# What a block calls as it ends: within another block int(), which does nothing; else what frees
# the lock.
_releases = int, _lock.release
_innermost = None  # the innermost block that is open. Its .outer is the one around it, and so on
_owner = None  # the thread that is in it
_task_inside = None  # the asyncio task that has entered it, if any has

_FEW_NOTES = const(7)  # of a slot: a block with no more is small
_NOTES_AT_ONCE = const(16)  # of a slot, until garbage is collected

_MISUSED = (
    "a block is entered once and must end in its thread, from the inside out, or it is rolled "
    "back. Make a new one for each with, and don't await or yield in it"
)
_BUSY = (
    "busy: in the middle of a write. In a callback, set a flag for the main loop; give update() a "
    "list, not a generator that writes"
)


def _own_block():
    """Return the innermost open block if it is this thread's, else None."""
    # The block first, since whoever enters one sets it last. No branch: a callback might come.
    block, owner = _innermost, _owner
    return block if owner == get_ident() else None


def _keeper(block, db):
    """Return the block that keeps the notes of what is changed in db within a block; None if
    neither that block nor one around it is db's."""
    while block and block.db is not db:
        block = block.outer
    return block and block.keeper


def _locked(function, *args):
    """Return function(*args), while no other thread is in a block.

    The function must be written in C, where no callback comes. In Python code one could come, and
    would wait for the lock for ever.
    """
    if _innermost and _own_block():
        return function(*args)
    if _ON_PC:
        # Not `with`: in CPython 3.14 Ctrl-C may come when that has the lock, but won't free it.
        try:
            _lock.acquire()
            return function(*args)
        finally:
            try:
                _lock.release()
            except RuntimeError:  # Ctrl-C came while it waited for the lock
                pass
    with _lock:
        return function(*args)


def _pair(note, old):
    """Return (was, own) of a note in a block's lent, which may be was alone. old is what the same
    key has in before."""
    return note if type(note) is tuple else (note, {id(old): old})


def _is_still(value, was):
    """Whether a value is what it was when was, its copy or checksum, was made. Never if that is
    _MISSING."""
    return _checksum(value) == was if isinstance(was, int) else _is_same(was, value)


def _must_save(key, value, was, own):
    """Return whether a value that a block has lent isn't what it was, so that it must be saved.
    Raises TypeError or ValueError if it can't be stored.

    own has the dicts and lists that were in it when it was lent. Those that were put into it since
    may belong to another value, too: it gets copies of them, which are added to own.
    """
    now = _add_containers(value, {})
    if id(value) not in own:
        # An inner block has set it, or has put a copy in its place as it was undone. So all that
        # is in it belongs to it, but needn't be what can be stored.
        own = now
    if now == own and _is_still(value, was):
        return False
    _plain(value, ("db", key), own.copy())
    # By way of a new dict, or it would not look inside of those that are in own already.
    own.update(_add_containers(value, {}))
    return not _is_still(value, was)


def _abandon_up_to(block):
    """Roll back and leave this thread's open blocks inside of a block, or all if it is None."""
    while _own_block() is not block:
        _innermost.roll_back()
        _innermost.leave()


def _must_let_in(block, task):
    """Raise RuntimeError if this block is busy, or if another task than the given one is in it. A
    task is None outside of asyncio. If asyncio has ended, but left a task in the block, roll it
    back, too: or nobody could write any more."""
    if block.busy:
        raise RuntimeError(_BUSY)
    if _task_inside is not task:
        if not _ON_PC and task is None:
            _abandon_up_to(None)
            raise RuntimeError(_MISUSED)
        raise RuntimeError("busy: another task is in a block. Don't await in one")


class _Block:
    """A lock() or transaction() block of one database. Each operation runs in one, too."""

    text = None  # its record's text, if it is an operation that has put one key only
    path = None  # of the backup that it makes, if any, for errors to name
    copies = 0  # how many dicts and lists a lock() has copied

    def __init__(self, db, atomic=False, busy=True):  # by default, an operation's
        self.db = db
        # Whether it can be rolled back alone, so that it needs notes of its own: a transaction, or
        # an operation that makes several changes. If not, the block around it keeps its notes, if
        # there is one.
        self.atomic = atomic
        # Whether the module is at work in it, so that callbacks may read, but not write: always in
        # an operation's block, in a user's while it begins or ends.
        self.busy = busy
        # __enter__ sets these. They are made here, since there may be no memory for them once the
        # lock is taken.
        self.outer = None  # the block around it
        self.keeper = None  # the block that keeps its notes. None until it is entered
        # What it may have to save, and how to roll that back: {slot: (before, lent)}, two dicts by
        # key.
        #
        # before[key]: the value before the key was set, deleted or lent, _MISSING if there was
        # none. Of a dict or list that was lent, it is a copy.
        #
        # lent[key]: (was, own), for a dict or list that the user may change in place.
        #   was: that copy, which tells whether it has changed. _MISSING if the block has set it.
        #   own: the dicts and lists that belong to it. If before[key] is all there is in that, the
        #     note is just was, not a tuple.
        #
        # There is no copy of a value that nests too deep nor, where a lock() has lent many, of the
        # rest. Then before has the value itself, and was is _MISSING or a checksum: a change in
        # place is saved, but can't be rolled back.
        self.notes = {}

    def __enter__(self):
        global _innermost, _owner, _task_inside
        if self.keeper:
            raise RuntimeError(_MISUSED)
        db = self.db
        me = get_ident()
        task = _task()
        outer = _own_block()
        busy = self.busy
        keeper = self
        acquire = int if outer else _lock.acquire  # int() does nothing: this thread has the lock
        if outer:
            _must_let_in(outer, task)
            if not self.atomic:
                keeper = _keeper(outer, db) or self
        acquire()  # no branch from here to the try: callbacks and Ctrl-C come where code branches
        was = self.keeper
        self.keeper = keeper
        self.outer = outer
        self.busy = True  # until it is entered: if that fails, a callback's write would be lost
        _task_inside = task
        _owner = me
        _innermost = self
        try:
            db._since = db._store.journal  # a subclass may not have called our __init__()
            if was:  # another thread was faster
                raise RuntimeError(_MISUSED)
            if db._ended:
                db._must_be_open()
            parent = outer and self.atomic and not busy and self.parent()
            if parent:
                parent.check()  # two values that share a list can't both be restored
            self.busy = busy
            return db
        except BaseException:
            finish = type(self).leave  # not self.leave(), which takes more stack
            finish(self)
            raise

    def __exit__(self, kind, error, _):
        finish = type(self).leave  # not self.leave, which takes memory: there may be none
        is_operation = self.busy
        try:
            if _own_block() is not self:
                if not kind or not self.is_open():
                    # Later: here, what that raises would be taken for a failure to save.
                    finish = _Block.refuse_to_end
                    return
                _abandon_up_to(self)  # those inside, which Ctrl-C has kept from ending
            self.busy = True
            if kind and is_operation:
                raise error  # so that _recover() is called: perhaps the disk has failed
            if kind and self.atomic:
                self.roll_back()
            elif self.notes:
                self.commit()
        except BaseException as failure:
            self.roll_back()
            self.db._recover(failure)
            # But not what update() was given may have raised: a generator that reads a file, say.
            if isinstance(failure, OSError) and not (self.atomic and failure is error):
                raise _with_path(failure, self.path or self.db._path) from None
            raise
        finally:
            finish(self)

    def leave(self):
        """Let the thread go on in the block around it, or other threads go on."""
        global _innermost
        # No branch in these lines: Ctrl-C could come there.
        _innermost = self.outer
        _releases[self.outer is None]()

    def refuse_to_end(self):
        """Raise RuntimeError. If this block is open, first roll back and leave all that are."""
        if self.is_open():
            _abandon_up_to(None)
        raise RuntimeError(_MISUSED)

    def is_open(self):
        """Whether this thread is in the block."""
        block = _own_block()
        while block and block is not self:
            block = block.outer
        return block is self

    def parent(self):
        """Return the block that takes over its notes as it ends: the keeper of what is changed in
        its database in the blocks around it. None if it has none around it."""
        return _keeper(self.outer, self.db)

    def lend(self, slot, key, value):
        """Note a dict or list that the user may change in place."""
        before, lent = self.notes.get(slot, ({}, {}))
        note = lent.get(key)  # once only: a callback that writes may remove it
        if note is not None and id(value) in _pair(note, before[key])[1]:
            return
        if self.busy and key not in before:
            # A callback reads it, or what update() was given does, and this operation hasn't set
            # it. So it is for the user's block to lend it, if there is one.
            parent = self.parent()
            if parent:
                parent.lend(slot, key, value)
            return
        if not self.atomic and self.copies >= _MAX_COPIES:
            own = _add_containers(value, {})
            old, was = value, _checksum(value)
        else:
            own = {}
            old = was = _copy(value, own)
            if was is _MISSING:
                old = value
            if not self.atomic:
                self.copies += len(own)
        self.note_lent(slot, key, old, was, own)

    def set(self, key, value):
        """Set a key to a copy of a value. TypeError or ValueError if it can't be stored."""
        text, item = _encode_item(key, value)
        self.put(item[0], item[1], text)

    def put(self, key, value, text):
        """Set a key or, if the value is _MISSING, delete it. text is that of its record, if it is
        known."""
        db = self.db
        keeper = self.keeper
        slot = _hash(key) & (_SLOTS - 1)
        data = db._data[slot]
        old = data.get(key, _MISSING)
        # A dict or list that was lent may have unsaved changes, so it is set even to an equal one.
        if (type(old) in _SIMPLE or not db._is_lent(key)) and _is_same(old, value):
            return
        self.text = None if keeper.notes else text
        keeper.note_old(slot, key, old)
        if value is not _MISSING:
            if old is _MISSING:
                db._has_grown = True
            data[key] = value
        else:
            del data[key]

    def note_old(self, slot, key, old):
        """Before a key is set or deleted, note its value, unless the key has a note already. From
        now on that value isn't lent any more."""
        before, lent = self.notes.setdefault(slot, ({}, {}))
        if not self.busy and isinstance(old, _CONTAINERS) and key not in before:
            self.lend(slot, key, old)  # makes a copy, since the user may hold the value
        self.collect(slot, key)
        before.setdefault(key, old)
        lent.pop(key, None)

    def note_lent(self, slot, key, old, was, own):
        """Note that a dict or list is lent. If the key has a note, that stays, and gets own, too:
        own alone may lack some of what was in the value at first, and so hide what is there twice.
        """
        before, lent = self.notes.setdefault(slot, ({}, {}))
        if key in before:
            old = before[key]
            was, had = _pair(lent.get(key, (_MISSING, {})), old)
            own.update(had)
        note = was
        if len(own) > 1 or id(old) not in own:
            self.collect(slot, key)
            note = was, own
        before[key] = old
        lent[key] = note

    def collect(self, slot, key):
        """Before a note is added, collect garbage now and then if the block is large, so that the
        heap stays whole. Each slot does it at counts of its own, or all would at about the same
        time."""
        before = self.notes[slot][0]
        count = len(before)
        if (
            count > _FEW_NOTES
            and (count + slot) % _NOTES_AT_ONCE == _NOTES_AT_ONCE - 1
            and key not in before
        ):
            _collect()

    def commit(self):
        """Make the changes durable or, in a block within a block, leave them to the outer one."""
        if self.parent():
            self.check()
            self.hand_over()
            return
        if self.text:
            self.db._save((self.text,), len(self.text) + _RECORD_END)
            return
        size = 0
        made = []  # the texts, if the batch is short: so each is made once only
        for text in self.texts():
            size += len(text) + _RECORD_END
            if size < _PIECE:
                made.append(text)
        if size:
            self.db._save(made if size < _PIECE else self.texts(), size)

    def check(self):
        """Check what was lent, as changed() does: raise TypeError or ValueError if it can't be
        saved, and separate what it shares."""
        for _ in self.changed():
            pass

    def hand_over(self):
        """Give the notes to the block that takes them over."""
        parent = self.parent()
        for slot in self.notes:
            before, lent = self.notes[slot]
            for key in before:
                old = before[key]
                was, own = _pair(lent.get(key, _MISSING), old)
                if was is _MISSING:
                    parent.note_old(slot, key, old)  # set or deleted, and perhaps lent after that
                if key in lent:
                    if was is old:
                        # If this fails, the block is rolled back, and so puts its copy in place.
                        old = was = _copy(old, {})
                    parent.note_lent(slot, key, old, was, own.copy())

    def texts(self):
        """Yield the text of a record for each change that has to be saved."""
        for key, value in self.changed():
            yield _encode((key,) if value is _MISSING else (key, value))

    def changed(self):
        """Yield (key, value) for all that has to be saved, with _MISSING for what was deleted.
        What was lent is checked, and what it shares becomes a copy of its own: see _must_save().
        """
        for slot in list(self.notes):  # lists: a callback that reads may note more
            data = self.db._data[slot]
            before, lent = self.notes[slot]
            for key in list(before):
                value = data.get(key, _MISSING)
                old = before[key]
                # A block inside, still open, may have deleted it, or set it to a number, say.
                if key in lent and isinstance(value, _CONTAINERS):
                    note = _pair(lent[key], old)
                    has_changed = _must_save(key, value, *note)
                    if len(note[1]) > 1:
                        lent[key] = note  # it may have its first dict or list inside now
                else:
                    # A dict or list may have unsaved changes from before. It may even be there
                    # still, if setting the key has failed after it was noted.
                    has_changed = isinstance(old, _CONTAINERS) or (
                        old is not value and not _is_same(old, value)
                    )
                if has_changed:
                    yield key, value

    def roll_back(self):
        """Restore what was there before, unless what has replaced it is durable. This needs no
        memory. If Ctrl-C comes, it is done to its end all the same."""
        try:
            self.busy = True  # or a callback's write would be undone, too, without a word
            if self.db._since is not self.db._store.journal:
                return
            for slot in self.notes:
                data = self.db._data[slot]
                before, lent = self.notes[slot]
                for key in before:  # first, so that no dict needs to grow
                    if before[key] is _MISSING:
                        data.pop(key, None)
                for key in before:
                    if before[key] is not _MISSING:
                        self.restore(data, key, before[key], lent.get(key))
        except KeyboardInterrupt:
            self.roll_back()
            raise

    def restore(self, data, key, old, note):
        """Restore the value of a key. If old is the copy of a dict or list, that itself gets back
        what it held, where that can be done.

        This spares the heap: the copies lie all over it, and if they stayed in place of what was
        read, it would be full of holes.
        """
        if note is not None:
            # As _pair() does, which takes memory.
            was = note[0] if type(note) is tuple else note
            if isinstance(was, int):
                # There is no copy, and old won't do: if an inner block has put a copy in its
                # place, old still has what that block has rolled back.
                return
            if was is old:
                try:
                    if _restore(data.get(key), old, note[1]):
                        return
                except MemoryError:
                    pass
        data[key] = old


if _ON_PC:
    _ROLLBACK_DEPTH = 10  # more calls than a rollback nests

    def _must_have_stack(calls):
        """Raise RecursionError unless that many calls can be nested here."""
        if calls:
            _must_have_stack(calls - 1)

    class _BlockOnPC(_Block):
        """Here a dict has an order, which is saved and restored as well; Ctrl-C may come anywhere;
        and there are other processes."""

        raised = None  # what was raised in it, for the guard

        def __init__(self, db, atomic, busy):
            super().__init__(db, atomic, busy)
            self.order = []  # how the keys were ordered before the first was deleted

        def leave(self):
            if _innermost is self:  # not in a child that was forked in the middle of it
                _drop_claims()  # here, so that the next operation drops what Ctrl-C has left
                super().leave()
                self.keeper = True  # not itself: what refers to itself isn't freed at once

        def put(self, key, value, text):
            if value is _MISSING:
                self.keeper.note_order(key)
            super().put(key, value, text)

        def note_order(self, key):
            """Before the first key is deleted, note how they are ordered."""
            # But not if a single operation deletes the last key, which is last again once it is
            # restored. So popitem() takes no longer if there are many keys.
            is_single = self.busy and not self.atomic
            data = self.db._data[0]
            if not self.order and not (is_single and key == next(reversed(data))):
                self.order.extend(data)

        def hand_over(self):
            super().hand_over()
            parent = self.parent()
            if not parent.order:
                parent.order.extend(self.order)

        def check(self):
            # In any order: an inner block may have moved keys that this one has no notes of.
            for _ in super().changed():
                pass

        def changed(self):
            """Yield what _Block.changed() does. But a key that has moved, since it was deleted
            and set again, is deleted first and set last, so that it comes behind the rest."""
            data = self.db._data[0]
            # A key that has moved has a note.
            if not self.order or not any(key in data for key in self.notes[0][0]):
                yield from super().changed()
                return
            changed = dict(super().changed())
            # From the first key on that isn't found behind the one before it, as it used to be,
            # all have moved or are new.
            at = 0
            last = {}
            for key in data:
                while at < len(self.order) and self.order[at] != key:
                    at += 1
                if at == len(self.order):
                    last[key] = data[key]
            for key in last:
                if self.notes[0][0][key] is not _MISSING:
                    yield key, _MISSING
            for key in changed:
                if key not in last:
                    yield key, changed[key]
            yield from last.items()

        def roll_back(self):
            try:
                super().roll_back()
                if self.order and self.db._since is self.db._store.journal:
                    data = self.db._data[0]
                    # Ctrl-C may come: the old dict stays as it is until the new one is whole.
                    ordered = {key: data[key] for key in self.order if key in data}
                    ordered.update(data)
                    self.db._data = [ordered]
            except KeyboardInterrupt:
                self.roll_back()
                raise

        def restore(self, data, key, old, note):
            data[key] = old  # not in place: Ctrl-C could come when only half of it is restored

    class _Exit:
        """A guard's __exit__. What `with` calls holds the guard, but the function behind it has
        only a weak reference. So if Ctrl-C strikes as that is entered, its traceback doesn't keep
        the guard alive."""

        def __get__(self, guard, owner):
            if guard is None:  # contextlib.ExitStack gets it from the class
                return lambda guard, *raised: guard.__exit__(*raised)
            leave = partial(owner.leave, ref(guard))
            leave.guard = guard
            return leave

    class _Guard:
        """A block, for ``with``, that ends even if Ctrl-C strikes as its __exit__ is entered.

        It runs in a generator, which Python closes when nothing refers to it any more. So then it
        is rolled back at once or, if a variable holds the guard, as soon as none does.
        """

        __exit__ = _Exit()

        def __init__(self, db, atomic=False, busy=True):
            self.block = _BlockOnPC(db, atomic, busy)
            self.generator = self.run(self.block)

        def __enter__(self):
            if self.block.keeper or self.generator.gi_running:
                raise RuntimeError(_MISUSED)
            _must_have_stack(_ROLLBACK_DEPTH)  # now, while there is nothing to roll back
            try:
                return next(self.generator)
            except BaseException:
                self.roll_back()
                raise

        @staticmethod
        def leave(guard, kind, error, trace):
            self = guard()
            if self is None:  # the generator is gone as well, and so has ended the block
                return
            try:
                if not self.block.is_open():
                    self.block.refuse_to_end()
                if kind is None:
                    next(self.generator, None)
                else:
                    self.block.raised = error
                    self.generator.throw(error)
            except BaseException as raised:
                self.roll_back()
                # A generator can't raise StopIteration: Python makes a RuntimeError of it.
                was_stop = isinstance(error, StopIteration) and raised.__cause__ is error
                if raised is not error and not was_stop:
                    raise

        def roll_back(self):
            """Roll the block back if it is still open, as Ctrl-C came just outside of run()."""
            if self.block.is_open():
                self.generator.close()

        @staticmethod
        def run(block):
            """Enter the block, yield its database, and end the block when the caller resumes or
            closes the generator."""
            error = None
            try:
                block.__enter__()
                try:
                    yield block.db
                except BaseException as raised:
                    error = raised
                    raise
                finally:
                    dropped = isinstance(error, GeneratorExit) and error is not block.raised
                    if dropped and not block.parent():
                        block.atomic = True
                    if block.is_open():
                        block.__exit__(error is not None and type(error), error, None)
            finally:
                while block.is_open():
                    with suppress(KeyboardInterrupt):
                        _abandon_up_to(block.outer)
                if block.keeper is not True and not _innermost and _lock._is_owned():
                    _lock.release()  # Ctrl-C came while it was entered, or left

else:
    _Guard = _Block  # here Ctrl-C comes only where code branches, and a block allows for that


# The open databases, here and in other programs: no two may share a file.

_opened = {}  # {full path: the database that is open there}

if _ON_PC:
    # Other programs, which X.lock keeps out.

    _LOCK_SIZE = 20  # of X.lock, in bytes: a process's number and spaces
    _claims = {}  # {full path: X.lock, an open file}, of what other programs are kept out of

    def _open_lock(path):
        """Open X.lock, or make it. ValueError if it is another program's file."""
        not_a_lock = ValueError(path + " is not a database's lock file: move it away")
        if os.path.islink(path):
            raise not_a_lock
        flags = os.O_CREAT | os.O_NONBLOCK | _NOFOLLOW  # a pipe would not open at once
        try:
            claim = os.open(path, os.O_RDWR | flags, 0o666)
        except OSError as error:
            if error.errno not in (_EACCES, _EROFS):
                raise
            claim = os.open(path, os.O_RDONLY | flags)  # another user's, say
        is_file = os.fstat(claim).st_mode & _S_IFMT == _S_IFREG
        if not is_file or os.read(claim, _LOCK_SIZE + 1).strip(b"0123456789 "):
            os.close(claim)
            raise not_a_lock
        os.lseek(claim, 0, os.SEEK_SET)
        return claim

    # Below, Ctrl-C can't come between `del _claims[path]` and os.close(): CPython looks for it
    # after a call, as a function is entered, and where a loop goes back.

    def _claim(path):
        """Keep other programs out of a database. OSError if one has it open."""
        name = path + ".lock"
        can_make = os.access(os.path.dirname(path), os.W_OK)
        while path not in _claims and flock:
            try:
                _claims[path] = claim = _open_lock(name)  # here: a child forked now must close it
            except OSError:
                if can_make or os.path.exists(name):
                    raise
                return  # nothing can be written here
            is_held = False
            try:
                flock(claim, LOCK_EX | LOCK_NB)
                # The other program may have just removed it: then it has to be made again.
                with suppress(FileNotFoundError):
                    is_held = os.path.samestat(os.fstat(claim), os.stat(name))
                with suppress(OSError):  # a full disk
                    os.write(claim, b"%-*d" % (_LOCK_SIZE, os.getpid()))
            except BlockingIOError:
                other = os.read(claim, _LOCK_SIZE).decode().strip()
                who = "process " + other if other else "another process"
                text = "%s is open in %s: close it there" % (path, who)
                raise OSError(_EBUSY, text) from None
            finally:
                if not is_held:
                    del _claims[path]
                    os.close(claim)

    def _must_be_apart_elsewhere(path, suffix):
        """Raise ValueError if another program has a database open that would share a file with one
        at path: this one's with the suffix would be its X, or the other way round."""
        for other in (path + suffix, path.removesuffix(suffix)):
            name = other + ".lock"
            if other == path or other in _claims or not flock or not os.path.isfile(name):
                continue
            with suppress(OSError), open(name, "rb") as claim:  # it may be gone by now
                try:
                    flock(claim, LOCK_SH | LOCK_NB)
                except BlockingIOError:
                    text = "%s would share a file with %s, which is open in another process"
                    raise ValueError(text % (path, other)) from None

    def _drop_claims():
        """Let other programs have what isn't open here any longer."""
        for path in list(_claims):
            db = _opened.get(path)
            if db is None or db._ended:  # if Ctrl-C came as it ended, it may still be in there
                claim = _claims[path]
                try:
                    with suppress(OSError):  # it may be another user's
                        os.unlink(path + ".lock")
                finally:
                    del _claims[path]
                    os.close(claim)

    def _disown():
        """Give up all databases, in a child that was forked: they are the parent's."""
        global _lock, _releases, _innermost
        _lock = allocate_lock()
        _releases = int, _lock.release
        _innermost = None
        while _claims:
            os.close(_claims.popitem()[1])
        for db in list(_opened.values()):
            db._retire("is the parent process's: open it after the fork, and in one process only")

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_disown)

else:

    def _are_two(path, other):
        """Whether two full paths that may be one on FAT lead to two files: also if there is
        nothing at path yet. The other is that of an open database."""
        folder = ""
        for name, its in zip(path[1:].split("/"), other[1:].split("/")):  # noqa: B905
            names = os.listdir(folder or "/")
            if name != its and name in names and its in names:
                return True
            folder += "/" + its
        return _stat(path) is None

    def _full_path(path):
        """Return the path from the root, or that of an open database if FAT takes both for one."""
        full = ""
        for name in (path if path[:1] == "/" else os.getcwd() + "/" + path).split("/"):
            if name == "..":
                full = full[: full.rfind("/")]
            elif name and name != ".":
                full += "/" + name
        full = full or "/"
        # To FAT a backslash is a slash, and a name ends at a control character.
        if "\\" in full or min(full.encode()) < _SPACE:
            raise ValueError("a path can't contain a backslash or control character: %r" % path)
        if full not in _opened:
            for other in _opened:
                if _on_fat(full) == _on_fat(other) and not _are_two(full, other):
                    return other
        return full


def _on_fat(path):
    """Return the names in a full path as FAT compares them: in lower case, without the spaces and
    dots at the end of each."""
    return [name.rstrip(" .") for name in path.lower().split("/")]


def _must_be_apart(path):
    """Raise ValueError if a file of a database at path is one of an open database, too."""
    mine = _on_fat(path)
    for suffix in (".log", ".tip", ".tmp", ".lock"):
        with_suffix = _on_fat(path + suffix)
        for other in _opened:
            if path == other or mine == _on_fat(other + suffix) or with_suffix == _on_fat(other):
                raise ValueError("%s would share a file with %s, which is open" % (path, other))
        if _ON_PC:
            _must_be_apart_elsewhere(path, suffix)


# The database.

_MAX_LENT = const(30)  # how many of the keys whose value was lent are listed
_SELDOM = const(16)  # how many parts of a file are read before garbage is collected
_OFTEN = const(1)  # the same, where memory has run out with the other
_NOT_OPENED = "was not opened"
_NO_DATA = [{}] * _SLOTS  # of a database that isn't open: one dict, always empty


if _ON_PC:

    class _Items(ItemsView[str, Any]):
        def __iter__(self) -> Iterator[tuple[str, Any]]:
            return self._mapping._items()

    class _Values(ValuesView[Any]):
        def __iter__(self) -> Iterator[Any]:
            return (value for key, value in self._mapping._items())


class MicroTetherDB(_Mapping):
    """A dict of str to JSON values that is kept in a file.

    MicroTetherDB(path) opens the database at path, or creates it. ``with`` closes it at the end.
    A write is on the disk when it returns or, in a lock() or transaction() block, when the block
    ends. If a write raises, nothing has changed, in memory or on disk: TypeError or ValueError for
    a key or value that can't be stored, OSError from the disk, MemoryError, RuntimeError in a
    callback or a task that can't write just now, or where the stack is full.

    A dict or list that is read is the stored one itself. Changes in it are saved by the end of the
    block that read it, or else by flush() or close(). They may reach the disk earlier.

    Raises OSError if path can't be read or made, or if another program has it open; ValueError if
    it is not a database or damaged (the files are left as they are). What this program has open
    already is taken over: the older object raises ValueError from then on.
    """

    # The longest X.tip, in bytes: a little less than the longest file that littlefs stores inline,
    # an eighth of a block, or 4 times progsize if that is less. Set it if yours differs.
    TIP_SIZE = 120 if "esp" in sys.platform else 448  # type: int
    if _ON_PC:
        TIP_SIZE = 131072

    _ended = None  # why it can't be used, if it can't
    _has_grown = False  # whether a key has been added since garbage was collected

    def __init__(self, path: str) -> None:
        self._path = path
        self._store = _Store(path)
        self._data = _NO_DATA  # a dict for each slot
        # The keys whose dict or list was lent, and may be changed in place: _MAX_LENT at most, or
        # one more to say that there are too many. A tuple, which can be read without the lock.
        self._lent = ()
        # The store's journal as it was when the innermost block was entered. It isn't kept in the
        # block: one more attribute there makes an empty block a seventh slower.
        self._since = None
        try:
            with _Guard(self):
                self._ended = _NOT_OPENED  # until all is read: half of it mustn't be saved
                self._take_over()
                try:
                    self._read_all(_SELDOM)
                except MemoryError:
                    self._read_all(_OFTEN)
                if self._store.seal == _NO_X:
                    self._fold()
                self._ended = None
                _opened[self._path] = self  # from here on, _drop_claims() keeps its claim
        except BaseException:  # a subclass may go on: what is at the path mustn't be overwritten
            self._ended = _NOT_OPENED
            self._data = _NO_DATA
            raise

    def _take_over(self):
        """Make the files this object's: keep other programs out, and retire an older object."""
        path = _full_path(self._path)
        self._path = self._store.path = path
        older = _opened.get(path)
        if older is None:
            _must_be_apart(path)
        if _ON_PC:
            _claim(path)
        if older is None or older._ended:  # Ctrl-C, as it ended, may have left it in the list
            return
        if _keeper(_own_block(), older):
            raise ValueError(path + " is in a block: end that first")
        store = older._store
        store.roll_back()
        # Its journal may be spoiled, but what it holds is not.
        if (store.must_fold or store.failed) and not store.is_another():
            older._fold()
        for _ in self._store.read():
            pass  # if this raises, the older one goes on
        older._retire("was opened again by another MicroTetherDB(...)")

    def _read_all(self, count):
        """Read the files. Collect garbage after each count parts, before the heap is full of
        holes, with none large enough for a dict, which is one piece."""
        slots = [{} for _ in range(_SLOTS)]
        for number, part in enumerate(self._store.read(), 1):
            if number % count == 0:
                _collect()
            for key in part:
                value = part[key]
                data = slots[_hash(key) & (_SLOTS - 1)]
                if value is _MISSING:
                    data.pop(key, None)
                else:
                    data[key] = value
        self._data = slots

    def _retire(self, why):
        """Let go of the data. From now on, any use raises ValueError, which says why."""
        self._ended = why
        self._data = _NO_DATA
        _opened.pop(self._path, None)

    def close(self) -> None:
        """Save everything into the one JSON file and close. Writes nothing if it is all there.

        Further calls do nothing. Raises OSError if the disk is full, TypeError or ValueError for
        an in-place change that can't be stored, ValueError in a block; it then stays open.
        """
        try:
            with _Guard(self):
                if _innermost.parent():
                    raise ValueError(self._path + " is in a block: end that first")
                if self._is_changed():
                    self._fold()
                self._store.remove_others()
                self._retire("is closed")
        except ValueError:
            if not self._ended:  # else it is closed already
                raise

    def __enter__(self) -> "MicroTetherDB":
        self._must_be_open()
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<MicroTetherDB %s, %s>" % (self._path, self._ended or "%d keys" % len(self))

    # The mapping: as a dict does it.

    def __getitem__(self, key: str) -> "Any":
        """Return the value. KeyError if there is none."""
        value = self._find(key)
        if value is _MISSING:
            raise KeyError(key)
        if isinstance(value, _CONTAINERS) and (_innermost or key not in self._lent):
            self._lend(key, value)
        return value

    def get(self, key: str, default: "Any" = None) -> "Any":
        """Return the value, or default if there is none."""
        value = self._find(key)
        if value is _MISSING:
            return default
        if isinstance(value, _CONTAINERS) and (_innermost or key not in self._lent):
            self._lend(key, value)
        return value

    def __contains__(self, key: object) -> bool:
        return self._find(key) is not _MISSING

    def __len__(self) -> int:
        count = _locked(sum, map(len, self._data))
        if not count:  # as in one that isn't open
            self._must_be_open()
        return count

    def __iter__(self) -> "Iterator[str]":
        """Walk the keys there are now: the loop may write and delete."""
        self._must_be_open()
        return (key for keys in _locked(list, map(list, self._data)) for key in keys)

    def _items(self):
        """Walk the (key, value) pairs there are now."""
        for key in self:
            value = self.get(key, _MISSING)
            if value is not _MISSING:  # not deleted meanwhile
                yield key, value

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
            raise TypeError(self._path + ": a database can't be copied or pickled. Use backup()")

    else:

        def keys(self) -> "KeysView[str]":
            """Return a view of the keys: the database itself."""
            return self

        def values(self) -> "ValuesView[Any]":
            """Walk the values there are now."""
            for item in self._items():
                yield item[1]

        items = _items

    def __eq__(self, other: object) -> bool:
        """Whether other is a mapping of the same keys and values."""
        if not hasattr(other, "keys") or len(self) != len(other):
            return False
        for key in self:
            if key not in other or self[key] != other[key]:
                return False
        return True

    def __setitem__(self, key: str, value: "Any") -> None:
        """Store a copy of the value: on the disk when it returns, or at the end of a block."""
        with _Guard(self):
            _innermost.set(key, value)

    def __delitem__(self, key: str) -> None:
        """Delete the key. KeyError if there is none."""
        MicroTetherDB.pop(self, key)  # not a subclass's

    def pop(self, key: str, default: "Any" = _MISSING) -> "Any":
        """Delete the key and return its value. If there is none, return default or, without one,
        raise KeyError."""
        with _Guard(self):
            return self._pop(key, default)

    def popitem(self) -> "tuple[str, Any]":
        """Delete a key (on a PC, the newest) and return it with its value. KeyError if empty."""
        with _Guard(self):
            for data in self._data:
                if _ON_PC:
                    data = reversed(data)
                for key in data:
                    return key, self._pop(key, None)
            raise KeyError(self._path + " is empty")

    def setdefault(self, key: str, default: "Any" = None) -> "Any":
        """Return the value; if there is none, store default first."""
        with _Guard(self):
            if self._find(key) is _MISSING:
                _innermost.set(key, default)
            return MicroTetherDB.__getitem__(self, key)

    def update(*args: "Any", **more: "Any") -> None:
        """Store all of a mapping, or of (key, value) pairs, and the keywords, as one batch."""
        self = args[0]  # a keyword may be called self
        if len(args) > 2:
            raise TypeError("update() takes one mapping, or pairs")
        with _Guard(self, True):
            for pairs in args[1:] + (more,):
                if hasattr(pairs, "keys"):
                    for key in pairs.keys():
                        _innermost.set(key, pairs[key])
                else:
                    for key, value in pairs:
                        _innermost.set(key, value)

    def clear(self) -> None:
        """Delete all, as one batch."""
        with _Guard(self, True):
            for key in MicroTetherDB.__iter__(self):
                _innermost.put(key, _MISSING, None)

    # Blocks.

    def transaction(self) -> "AbstractContextManager[MicroTetherDB]":
        """Return a block for ``with``: all of it is saved at its end or, if it raises, nothing.

        All is then as it was, also inside the values that were read in the block. Other threads
        wait for its end, whichever database they use. Blocks nest on one thread: an inner
        transaction is rolled back alone, and the outermost block saves everything, as one batch.
        Don't ``await`` or ``yield`` in a block. A block that is misused raises RuntimeError.
        """
        return _Guard(self, True, False)  # atomic, not busy

    def lock(self) -> "AbstractContextManager[MicroTetherDB]":
        """Like transaction(), but if it raises, what was done so far stays and is saved.

        If its changes can't be saved, it is rolled back. On a board that reaches only some 100 of
        the dicts and lists that were read in it: the others keep their changes, as if these were
        made outside a block.
        """
        return _Guard(self, False, False)  # not atomic, not busy

    # Saving.

    def flush(self) -> None:
        """Save everything, in-place changes too, into the JSON file. Writes nothing if it is all
        there, nor in a block, which saves at its end. Raises as close() does outside a block.
        """
        with _Guard(self):
            if not _innermost.parent():
                # Also if X is gone, or was edited.
                if self._is_changed() or _seals_of(self._path)[0] != self._store.seal:
                    self._fold()
                self._store.remove_others()

    def backup(self, path: str) -> None:
        """Write the data as it is now, in-place changes too, to a JSON file at path, atomically:
        it replaces what is there.

        Raises OSError from the disk, TypeError or ValueError for an in-place change that can't be
        stored, ValueError if path is a file of an open database, or has another program's beside
        it that would be one of its own.
        """
        with _Guard(self):
            path = _innermost.path = _full_path(path)
            _must_be_apart(path)
            block = _innermost.parent()
            while block:  # blocks know which of two values that share a list had it first
                block.check()
                block = block.parent()
            self._check_lent()
            backup = _Store(path)
            if _ON_PC:
                _claim(path)
                if not os.path.exists(path):
                    backup.like = self._path  # so it is as private
            backup.replace(self._data)

    # What the mapping and the blocks are made of.

    def _must_be_open(self):
        if self._ended:
            raise ValueError(self._path + " " + self._ended)

    def _find(self, key):
        """Return the value of a key, or _MISSING."""
        if _ON_PC or _innermost or type(key) is not str:
            value = _MISSING
            if isinstance(key, str):
                if not _ON_PC and type(key) is not str:
                    key = key * 1  # plain: MicroPython finds no other among interned ones
                data = self._data[_hash(key) & (_SLOTS - 1)]
                value = _locked(data.get, key, _MISSING)
        else:
            # The same in half the time, without `with`, which needs a larger frame, on the heap.
            # While the lock is held, nothing branches or raises, so no callback or Ctrl-C comes.
            data = self._data[_hash(key) & (_SLOTS - 1)]
            _lock.acquire()
            value = data.get(key, _MISSING)
            _lock.release()
        if value is _MISSING:
            self._must_be_open()
        return value

    def _lend(self, key, value):
        """Note that the dict or list found at a key is lent to the user, who may change it."""
        if not _ON_PC and type(key) is not str:
            key = key * 1  # plain: MicroPython's json dumps the repr() of another
        lent = self._lent
        if len(lent) <= _MAX_LENT and key not in lent:
            self._note_lent(key)
        if _innermost:
            block = _keeper(_own_block(), self)
            if block:
                block.lend(_hash(key) & (_SLOTS - 1), key, value)

    def _note_lent(self, key):
        """Add a key to those whose value was lent."""
        if not _own_block():
            with _Guard(self):  # or another thread might note another key meanwhile
                return self._note_lent(key)
        # Unless it has just been noted. No branch: a callback might note another key there.
        self._lent += (key,) * (key not in self._lent)

    def _pop(self, key, default):
        # A function of its own, so that calls nest as deep as in a rollback: if the stack is
        # nearly full, this must fail, and not the rollback.
        value = self._find(key)
        if value is not _MISSING:
            default = value
            if not _ON_PC and type(key) is not str:
                key = key * 1  # as in _lend()
            _innermost.put(key, _MISSING, None)
        elif default is _MISSING:
            raise KeyError(key)
        return default

    # How it is saved.

    def _save(self, texts, size):
        """Make a batch durable: in the journal or, if that has become long, by a fold."""
        store = self._store
        store.prepare()
        if not store.has_previous or store.must_fold or store.failed:
            self._fold()
            return
        _, log, tip = store.journal
        tip += size
        spills = tip > self.TIP_SIZE
        if spills and self._has_grown:
            _collect()  # or new keys would lie far apart, and the heap be full of holes
            self._has_grown = False
        # Fold once the journal is about twice as long as X. An X no longer than a tip is cheap to
        # write, since littlefs stores it inline, too: then fold whenever the tip is full.
        if spills and log + tip > 2 * (_size(self._path) - self.TIP_SIZE):
            try:
                self._fold()
                return
            except Exception:
                # There is no room, say, or a change in place can't be stored. The journal will do
                # for now, if it can be continued.
                if store.must_fold:
                    raise
            _collect()  # as in _recover()
        try:
            store.append(texts, spills)
        except OSError as error:
            if _ENOENT not in error.args:
                raise
            store.must_fold = store.disk_failed = True  # all or some of the journal is gone
            self._fold()

    def _recover(self, error):
        """Make the disk agree with memory after a failure. If that fails as well, the next write
        does it first."""
        store = self._store
        if not _ON_PC and isinstance(error, (KeyboardInterrupt, OSError, MemoryError)):
            # A file that is still open must be collected before anything is written. Ctrl-C may
            # have left it open: littlefs then writes it back, as it was. FAT can't close a file
            # while its disk fails: collected later, it would write its length to where its
            # directory entry was, which may be another file's by then.
            _collect()
            if isinstance(error, KeyboardInterrupt) and store.seal != _NO_SEAL:
                # On rp2, it may have come in the middle of littlefs, and spoiled the journal.
                store.must_fold = True
        if isinstance(error, OSError) and _ENOSPC not in error.args:
            store.disk_failed = True
        store.roll_back()
        # Not within a user's block: its changes mustn't be saved yet.
        if store.must_fold and not self._ended and not _innermost.parent():
            try:
                self._fold()
            except Exception:
                pass

    def _is_changed(self):
        """Whether there is anything that X doesn't hold. Raises what _check_lent() does."""
        store = self._store
        store.prepare()
        if store.must_fold or any(store.journal[1:]):
            return True
        self._check_lent()
        keys = self._lent_keys()
        unsaved = 0  # how many values at these keys haven't been found in X as they are
        for _ in self._lent_items(keys):
            unsaved += 1
        if unsaved:
            wanted = _ANY if keys is None else list(map(_encode, keys))
            for part in store.read_again(wanted):
                for key, value in self._lent_items(part):
                    if (keys is None or key in keys) and _is_same(part[key], value):
                        unsaved -= 1
        return unsaved > 0

    def _fold(self):
        self._store.prepare()  # or a batch that has failed would count if the fold is cut off
        self._check_lent()
        self._store.fold(self._data)

    def _check_lent(self):
        """Raise TypeError or ValueError unless all can be saved. Where two values share a dict or
        list, the second gets a copy, but what is itself the value of a key stays that."""
        keys = self._lent_keys()
        unseen = _Unseen()
        for _, value in self._lent_items(keys):
            unseen.flip(id(value))  # out, so that any other value that holds it gets a copy
        for key, value in self._lent_items(keys):
            unseen.flip(id(value))  # in again, for its own turn
            _plain(value, ("db", key), unseen)

    def _lent_items(self, keys):
        """Yield (key, value) of each dict or list at one of the keys; at any, if that is None."""
        # A subclass may have an __iter__() of its own.
        for key in MicroTetherDB.__iter__(self) if keys is None else keys:
            value = self._find(key)
            if isinstance(value, _CONTAINERS):
                yield key, value

    def _lent_keys(self):
        """Return the keys whose dict or list was lent; None for all, if those are too many."""
        lent = self._lent  # a callback that reads may add to it
        return lent if len(lent) <= _MAX_LENT else None

    def _is_lent(self, key):
        """Whether the dict or list at a key may have been lent."""
        keys = self._lent_keys()
        return keys is None or key in keys
