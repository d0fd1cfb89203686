"""Look into a MicroTetherDB database, on this PC or on a connected board, and change it."""

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]
from cable import Board, Trouble  # noqa: E402
from database_files import (  # noqa: E402
    FILES,
    JOURNALS,
    put_in_place_of,
    read_journals,
    saved,
    seal,
    size,
    sums,
)
from MicroTetherDB import MicroTetherDB  # noqa: E402

EPILOG = """\
examples:
  mtdb.py list my_database.db               the keys of a database on this PC
  mtdb.py list :my_database.db              the same on the connected board
  mtdb.py get :my_database.db user1         one value, as JSON
  mtdb.py set :my_database.db user1 '{"name": "John", "age": 31}'
  mtdb.py set :my_database.db note --text "any text"
  mtdb.py delete :my_database.db user1 user2
  mtdb.py dump :my_database.db >backup.json
  mtdb.py load :my_database.db backup.json
  mtdb.py load my_database.db <readings.jsonl
  mtdb.py check :my_database.db             are its files sound?
  mtdb.py fold my_database.db               save everything into the one JSON file
  mtdb.py repair :my_database.db new.db     save all that is whole in damaged files
  mtdb.py --port /dev/ttyACM1 list :my_database.db

A path that begins with ":" is one on the connected board. This stops the board's program, which
starts again when the board is reset. A change is made in a copy, which then replaces the board's
file in one step: whenever the plug is pulled, the board has all of the old data or of the new.
Don't change a database on this PC while a program has it open.

exit status:
  0  done; check: all is well
  1  not done: the message says why
  2  wrong usage
  3  damaged, or no database
  4  check: sound, but with leftovers of a power cut, which fold clears away
"""
DONE, FAILED, DAMAGED, LEFTOVERS = 0, 1, 3, 4


class Damaged(Exception):
    """The database can't be opened, or has lost something."""


def main(arguments=None):
    args = parser().parse_args(arguments)
    try:
        if args.database.startswith(":"):
            place = There(Board(args.port), args.database[1:])
        else:
            place = Here(args.database)
        status = args.command(args, place) or DONE
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Damaged as error:
        return fail(error, DAMAGED)
    except KeyError as error:
        return fail(f"{args.database} has no key {json_text(error.args[0])}")
    except (Trouble, OSError, TypeError, ValueError, RecursionError) as error:
        return fail(error)
    except KeyboardInterrupt:
        return fail("interrupted")


def fail(message, status=FAILED):
    print("mtdb:", " ".join(str(message).split()), file=sys.stderr)
    return status


def parser():
    parser = argparse.ArgumentParser(
        prog="mtdb.py",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    port = {"help": "the board's port, where there are several boards"}
    parser.add_argument("--port", **port)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name, function, help):
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(command=function)
        command.add_argument("--port", default=argparse.SUPPRESS, **port)
        command.add_argument("database", metavar="DATABASE", help="its path; :PATH on the board")
        return command

    add("list", list_keys, "print the keys, one a line")
    add("get", get, "print a value as JSON").add_argument("key", metavar="KEY")
    command = add("set", set_value, "store a value; make the database if there is none")
    command.add_argument("key", metavar="KEY")
    command.add_argument("value", metavar="VALUE", help="JSON, such as 31, true or '[1, 2]'")
    command.add_argument("--text", action="store_true", help="VALUE is text, not JSON")
    command = add("delete", delete, "delete keys: all of them or, if one is missing, none")
    command.add_argument("keys", metavar="KEY", nargs="+")
    add("dump", dump, "print everything as one JSON object")
    command = add("load", load, "store all that is in a file; make the database if there is none")
    command.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        default="-",
        help='a JSON object; or JSON lines, each an object or ["key", value]. '
        "Without it the standard input is read",
    )
    add("check", check, "tell what the files are and whether they are sound; change nothing")
    add("fold", fold, "save everything into the one JSON file")
    command = add("repair", repair, "save all that is whole in a damaged database to a new one")
    command.add_argument("target", metavar="TARGET", help="the new database's path, on this PC")
    return parser


# The commands. Each takes the arguments and where the database is, and returns an exit status.


def list_keys(args, place):
    with reading(place) as db:
        for key in db:
            print(key)


def get(args, place):
    with reading(place) as db:
        print(json_text(db[args.key]))


def set_value(args, place):
    value = args.value if args.text else parse(args.value, "VALUE (is it --text?)")
    with place.change(create=True) as db:
        db[args.key] = value


def delete(args, place):
    with place.change() as db, db.transaction():
        for key in args.keys:
            del db[key]


def dump(args, place):
    with reading(place) as db:
        lines = [f"{json_text(key)}: {json_text(db[key])}" for key in db]
        print("{", ",\n".join(lines), "}", sep="\n")


def load(args, place):
    if args.file == "-":
        pairs = parse_pairs(sys.stdin.buffer.read().decode(), "the input")
    else:
        pairs = parse_pairs(Path(args.file).read_text(encoding="utf-8"), args.file)
    with place.change(create=True) as db, db.transaction():
        for key, value in progress(pairs):
            db[key] = value
    print(f"{len(pairs)} loaded")


def check(args, place):
    with copied(place) as copy:
        found = {"": seal(copy) if size(copy) else "missing or empty"}
        journals = read_journals(copy)
        for end, journal in journals.items():
            found[end] = f"{journal.state}, {journal.records:,} records"
        if os.path.exists(copy + ".tmp"):
            found[".tmp"] = "left by a fold that was cut"
        for end, what in found.items():
            print(f"{args.database + end}: {size(copy + end):,} bytes, {what}")
        with opened(copy, place) as db:
            print(f"{len(db):,} keys")
    states = [journal.state for journal in journals.values()]
    if "torn" in states or ".tmp" in found:
        print("Sound, with leftovers of a power cut: nothing that was acknowledged is lost.")
        return LEFTOVERS
    print("All is well.")


def fold(args, place):
    with place.change() as db:
        db.flush()


def repair(args, place):
    if sums(args.target):
        raise Trouble(f"{args.target} is there already: repair makes a new database")
    with copied(place) as copy:
        data = saved(copy)
    with MicroTetherDB(args.target) as db:
        db.update(data)
    print(f"{len(data):,} keys saved to {args.target}. {place.name} is left as it is.")


def json_text(value):
    return json.dumps(value, ensure_ascii=False)


def parse(text, what):
    try:
        return json.loads(text)
    except ValueError as error:
        raise Trouble(f"{what} is no JSON: {error}")


def parse_pairs(text, name):
    """Return the (key, value) pairs of a JSON object, or of JSON lines."""
    try:
        data = json.loads(text)
        if isinstance(data, dict):
            return list(data.items())
    except ValueError:
        pass
    pairs = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            data = parse(line, f"line {number} of {name}")
            if isinstance(data, dict):
                pairs += data.items()
            elif isinstance(data, list) and len(data) == 2:
                pairs.append(data)
            else:
                raise Trouble(f'line {number} of {name} is neither an object nor ["key", value]')
    return pairs


def progress(pairs):
    """The pairs, with a progress bar on a terminal if they are many."""
    try:
        from tqdm import tqdm
    except ImportError:  # do without
        return pairs
    return tqdm(pairs, unit=" keys", leave=False, disable=None if len(pairs) > 1000 else True)


# Where a database is, on this PC or on a board. What is only read is read from a copy: so nothing
# is changed, not even a torn tail is cut off.


class Here:
    """A database on this PC."""

    def __init__(self, path):
        self.name = self.path = path

    def copy(self, folder):
        """Copy the database's files into folder; return the copy's path."""
        copy = os.path.join(folder, "copy")
        for end in FILES:
            if os.path.exists(self.path + end):
                shutil.copyfile(self.path + end, copy + end)
        return copy

    @contextlib.contextmanager
    def change(self, create=False):
        """Open the database to change it; create says whether it may be new."""
        must_exist(self, create or sums(self.path))
        with opened(self.path, self) as db:
            yield db


class There:
    """A database on a board."""

    def __init__(self, board, path):
        folder, slash, self.file = path.rpartition("/")
        if not self.file:
            raise Trouble(f":{path} is no file on the board")
        self.board = board
        self.name = ":" + path
        self.path = path
        self.folder = folder + slash

    def copy(self, folder):
        """Copy the database's files into folder; return the copy's path."""
        names, _ = self.board.look(self.folder)
        ends = [end for end in FILES if self.file + end in names]
        hashes = self.board.fetch([self.path + end for end in ends], folder) if ends else []
        self.sums = dict(zip(ends, hashes, strict=True))
        copy = os.path.join(folder, self.file)
        if sums(copy) != self.sums:
            raise Trouble(f"{self.name} did not arrive as it is on the board: try again")
        return copy

    @contextlib.contextmanager
    def change(self, create=False):
        """Open a copy of the database to change it; then let it replace the board's."""
        with tempfile.TemporaryDirectory() as folder:
            copy = self.copy(folder)
            must_exist(self, create or self.sums)
            if not size(copy) and seal(copy + ".tmp") == "sealed":
                # A rename was cut, on FAT. Finish it: X.tmp is all there is, and is needed below.
                self._execute(f"os.rename({self.path + '.tmp'!r}, {self.path!r})")
                os.remove(copy + ".tmp")
                copy = self.copy(folder)
            journals = read_journals(copy)
            older = copy + ".older"
            if size(copy):
                shutil.copyfile(copy, older)
            with opened(copy, self) as db:
                yield db
            if sums(copy) != self.sums:
                if size(older):
                    put_in_place_of(older, copy)
                self._replace(copy, [end for end in journals if not journals[end].records])

    def _replace(self, copy, idle):
        """Put the copy into the place of the board's files; those in idle say nothing new.

        One step does it, the rename of X.tmp to X: the journals that counted before are stale
        after it, since the new X names the one that they continued. Idle ones may be older than
        that, and must be gone before it. Where the rename removes the old X first (FAT) and
        is cut there, opening X finishes it: the name X.tmp and the seal tell.
        """
        tmp = self.path + ".tmp"
        self._must_have(self.sums)
        try:
            self.board.send(copy, tmp)
            self._must_have({**self.sums, ".tmp": sums(copy)[""]})
        except Trouble:
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

    def _must_have(self, sums):
        """Raise Trouble unless these are the database's files on the board."""
        try:
            names, hashes = self.board.look(self.folder, [self.path + end for end in sums])
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


def must_exist(place, there):
    if not there:
        raise Trouble(f"there is no database {place.name}")


@contextlib.contextmanager
def copied(place):
    with tempfile.TemporaryDirectory() as folder:
        copy = place.copy(folder)
        must_exist(place, sums(copy))
        yield copy


@contextlib.contextmanager
def reading(place):
    with copied(place) as copy, opened(copy, place) as db:
        yield db


def opened(path, place):
    try:
        return MicroTetherDB(path)
    except ValueError as error:
        raise Damaged(str(error).replace(os.path.realpath(path), place.name))


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    sys.exit(main())
