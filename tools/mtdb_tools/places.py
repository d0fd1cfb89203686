"""Where a database is, on this PC or on a board.

What is only read is read from a copy: so nothing is changed, not even a torn tail is cut off.
"""

import contextlib
import os
import shlex
import shutil
import stat
import sys
import tempfile
import time

from MicroTetherDB import MicroTetherDB
from mtdb_tools import stats
from mtdb_tools.cable import NoAnswer
from mtdb_tools.command import Trouble, tell
from mtdb_tools.database_files import (
    FILES,
    JOURNALS,
    has_lost_all,
    read_journals,
    seal,
    size,
    sums,
    was_database,
)
from mtdb_tools.saved import key_text

TRIES = 100  # to copy a database that a program is writing to
PAUSE = 0.02  # seconds between two of them
FLOAT_MAX = 3.4028235e38  # of 32 bits, as most boards have them


class Damaged(Trouble):
    """The database can't be opened, or has lost something."""

    status = 3


class Here:
    """A database on this PC."""

    def __init__(self, path):
        must_name_a_file(path)
        self.name = path
        self.path = os.path.realpath(path)  # what the files are beside
        self.folder = os.path.dirname(self.path)
        self.where = f"in {self.folder}"
        self.hint = ', and a path on the board begins with ":"'

    def boards(self):
        """Return the kinds of devices that it may be used on."""
        return [stats.PC, stats.NOR, stats.ESP]

    def has_small_floats(self):
        """Whether a device that it may be used on has floats of 32 bits."""
        return True

    def has_file(self, path):
        """Whether a path on this PC is that of a file of this database, there or not."""
        return os.path.realpath(path) in [self.path + end for end in (*FILES, ".lock")]

    def how_to_replace(self, ends, new):
        """Return the commands that put a new database, on this PC, in the place of this one, which
        has files with these ends of the names."""
        path = self.path if os.path.islink(self.name) else self.name
        remove, move = ("del", "move") if os.name == "nt" else ("rm", "mv")
        commands = [f"{remove} {quoted(path + end)}" for end in ends]
        return [*commands, f"{move} {quoted(new)} {quoted(path)}"]

    def copy(self, folder):
        """Copy the database's files into folder; return the copy's path.

        A program may be writing to them. What is the same in all of them before and after was
        there together at a time: what a power cut would have left then.
        """
        self.must_be_files()
        copy = os.path.join(folder, "copy")
        for _ in range(TRIES):
            for end in FILES:
                with contextlib.suppress(FileNotFoundError):
                    os.remove(copy + end)
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(self.path + end, copy + end)
            if sums(self.path) == sums(copy):
                return copy
            time.sleep(PAUSE)
        raise Trouble(f"a program keeps writing to {self.name}: stop it, or try again")

    @contextlib.contextmanager
    def change(self, create=False):
        """Open the database to change it; create says whether it may be new."""
        self.must_be_files()
        self.is_new = not any(os.path.exists(self.path + end) for end in FILES)
        must_exist(self, create or not self.is_new)
        db = opened(self.path, self)
        try:
            yield db
        except BaseException:
            if self.is_new and not db:  # nothing was stored: leave nothing
                os.remove(self.path)
            with contextlib.suppress(OSError):  # what has failed before is what is told
                db.close()
            raise
        self._close(db)

    def _close(self, db):
        """Close a database that was changed. Each change is on the disk already."""
        try:
            db.close()
        except OSError as error:  # a full disk, say
            tell(
                f"{self.name}: it is stored, but in the journal: {self.name} can't be written "
                f"anew: {error.strerror}"
            )

    def must_be_files(self):
        """Raise Trouble if a database can't be there, whether there is one or not."""
        if not os.path.exists(self.folder):
            raise Trouble(
                f"there is no folder {self.folder}. Make it, or look whether {self.name} is the "
                "path that you mean"
            )
        for end in FILES:
            with contextlib.suppress(FileNotFoundError):
                mode = os.stat(self.path + end).st_mode
                if not stat.S_ISREG(mode):
                    name = self.path + end
                    what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
                    raise Trouble(f"{name} is {what}, so it can't belong to a database")


class There:
    """A database on a board."""

    def __init__(self, board, path):
        self.name = ":" + path
        must_name_a_file(self.name)
        if path.splitlines() != [path]:
            raise Trouble("a path on the board can't have line breaks")
        folder, slash, self.file = path.rpartition("/")
        self.board = board
        self.path = path
        self.where = "on the board"
        self.hint = ""
        self.folder = folder + slash

    def boards(self):
        """Return the kinds of devices that it may be used on."""
        platform = self.board.do("exec", "import sys\nprint(sys.platform)")
        return [stats.ESP if "esp" in platform else stats.NOR]

    def has_file(self, path):
        """Whether a path on this PC is that of a file of this database."""
        return False

    def how_to_replace(self, ends, new):
        """Return the commands that put a new database, on this PC, in the place of this one, which
        has files with these ends of the names."""
        mpremote = self.board.mpremote
        commands = [f"{mpremote} rm {quoted(self.name + end)}" for end in ends]
        return [*commands, f"{mpremote} cp {quoted(new)} {quoted(self.name)}"]

    def copy(self, folder):
        """Copy the database's files into folder; return the copy's path."""
        names = self._names()
        self._must_be_files(names)
        found = {end: names[self.file + end] for end in FILES if self.file + end in names}
        paths = [self.path + end for end in found]
        hashes = self.board.fetch(paths, folder, sum(found.values())) if found else []
        self.sums = dict(zip(found, hashes, strict=True))
        copy = os.path.join(folder, self.file)
        if sums(copy) != self.sums:
            raise Trouble(f"{self.name} was corrupted in transfer: try again")
        return copy

    def _names(self):
        """Return {name: size} of what is in the database's folder."""
        try:
            return self.board.look(self.folder)[0]
        except Trouble as error:
            if "No such file" not in str(error):
                raise
            folder = ":" + self.folder.rstrip("/")
            raise Trouble(
                f"there is no folder {folder} on the board. Make it, or look what there is: "
                f"{self.board.mpremote} mkdir {quoted(folder)}, {self.board.mpremote} ls :"
            )

    def _must_be_files(self, names):
        """Raise Trouble if a database can't be there. names are those in its folder."""
        for end in FILES:
            name = self.file + end
            if name + "/" in names:
                raise Trouble(f"{self.name + end} is a folder, so it can't belong to a database")
            others = [other for other in names if other.lower() == name.lower()]
            if others and name not in others and self._is_there(self.path + end):
                raise Trouble(
                    f"the board has :{self.folder + others[0]}, and its file system takes "
                    f"{self.name + end} for the same file: write the name as it is there"
                )

    def _is_there(self, path):
        """Whether the board finds a file at path: FAT does in whatever case it is written."""
        probe = f"import os\ntry:\n os.stat({path!r})\n print(True)\nexcept OSError: print(False)"
        return self.board.do("exec", probe).strip() == "True"

    @contextlib.contextmanager
    def change(self, create=False):
        """Open a copy of the database to change it; then let it replace the board's."""
        with tempfile.TemporaryDirectory() as folder:
            copy = self.copy(folder)
            self.is_new = not self.sums
            must_exist(self, create or not self.is_new)
            if not size(copy) and seal(copy + ".tmp") == "sealed":
                # A rename was cut, on FAT. Finish it: X.tmp is all there is, and is needed below.
                self._execute(f"os.rename({self.path + '.tmp'!r}, {self.path!r})")
                os.remove(copy + ".tmp")
                copy = self.copy(folder)
            journals = read_journals(copy)
            length = sum(size(copy + end) for end in self.sums)
            with opened(copy, self) as db:
                yield db
                self._must_be_readable(db)
            if sums(copy) != self.sums:
                idle = [end for end in journals if not journals[end].records]
                self._replace(copy, idle, length + size(copy))

    def _must_be_readable(self, db):
        """Raise Trouble if a number is too large for the board: it could not open the database."""
        large = large_number(db)
        if large and self.has_small_floats():
            raise Trouble(f"{self.name}: {large}, too large for the board")

    def has_small_floats(self):
        """Whether the board has floats of 32 bits."""
        return self.board.do("exec", "print(float('1e300') == float('inf'))").strip() == "True"

    def _replace(self, copy, idle, length):
        """Put the copy into the place of the board's files; those in idle say nothing new.

        One step does it, the rename of X.tmp to X: the journals that counted before are stale
        after it, since the new X, which one fold of the copy has made, names the one that they
        continued. Idle ones may be older than that, and must be gone before it. Where the rename
        removes the old X first (FAT) and is cut there, opening X finishes it: the name X.tmp and
        the seal tell. length is that of the files, old and new.
        """
        tmp = self.path + ".tmp"
        self._must_have(self.sums, length)
        try:
            self.board.send(copy, tmp)
            self._must_have({**self.sums, ".tmp": sums(copy)[""]}, length)
        except NoAnswer:
            raise
        except (Trouble, KeyboardInterrupt):
            with contextlib.suppress(Trouble):
                self.board.remove(tmp)
            raise
        # The tip goes first: without the log, nobody knows that it is stale.
        others = [end for end in reversed(JOURNALS) if end in self.sums and end not in idle]
        self._execute(
            *[f"os.remove({self.path + end!r})" for end in reversed(idle)],
            f"os.rename({tmp!r}, {self.path!r})",
            *[f"os.remove({self.path + end!r})" for end in others],
        )

    def _must_have(self, sums, length):
        """Raise Trouble unless these are the database's files on the board."""
        try:
            paths = [self.path + end for end in sums]
            names, hashes = self.board.look(self.folder, paths, length)
            ends = {end for end in FILES if self.file + end in names}
            same = ends == set(sums) and hashes == list(sums.values())
        except Trouble as error:
            if "No such file" not in str(error):
                raise
            same = False
        if not same:
            raise Trouble(f"{self.name} has changed on the board meanwhile: it is left as it is")

    def _execute(self, *lines):
        self.board.do("exec", "\n".join(["import os", *lines]))


def large_number(db):
    """Return a phrase that tells of a number too large for floats of 32 bits, and of its key;
    None if there is none."""
    for key in db:
        for number in floats_in(db[key]):
            if abs(number) > FLOAT_MAX:
                return f"db[{key_text(key)}] has the number {number}"
    return None


def floats_in(value):
    """Yield each float in a value, at any depth."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from floats_in(part)


def must_name_a_file(name):
    if not name:
        raise Trouble("a path is empty where a database should be named")
    path = name.removeprefix(":").replace(os.sep, "/")
    if path.rpartition("/")[2] in ("", ".", ".."):
        slash = "/" if path.endswith(".") else ""
        raise Trouble(f"{name} names a folder. A database is a file: {name}{slash}my.db, say")


def quoted(path):
    """Return a path as the shell takes it."""
    return f'"{path}"' if os.name == "nt" else shlex.quote(path)


def must_exist(place, there):
    if not there:
        raise Trouble(
            f"there is no database {place.name} {place.where}. set and load make one{place.hint}"
        )


@contextlib.contextmanager
def copied(place):
    """Copy a database's files to a temporary folder; give the copy's path."""
    with tempfile.TemporaryDirectory() as folder:
        copy = place.copy(folder)
        must_exist(place, sums(copy))
        yield copy


@contextlib.contextmanager
def reading(place):
    """Open a copy of a database, to read it."""
    with copied(place) as copy:
        is_empty = has_lost_all(copy)
        with opened(copy, place) as db:
            if is_empty:
                raise emptied(place)
            yield db


def emptied(place):
    """Return the error of a file that has_lost_all()."""
    return Damaged(f"{place.name} is empty, which no database is: what it may have held is lost")


def opened(path, place):
    """Open the database at path; messages name it as the user does."""
    try:
        return MicroTetherDB(path)
    except ValueError as error:
        path = os.path.realpath(path)
        text = str(error).replace(path, place.name)
        if was_database(path) and not str(error).startswith(path + ".lock"):
            program = os.path.basename(sys.argv[0])
            text = text.replace(", or see mtdb.py repair", "")  # which is told in full now
            text += f". {program} repair {place.name} NEW.db saves what is whole"
        else:
            what = "is neither a database nor a JSON object"
            text = text.replace("can't be opened", what)
        raise Damaged(text)
