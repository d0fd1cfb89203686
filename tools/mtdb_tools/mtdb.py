"""Look into a MicroTetherDB database, on this PC or on a connected board, and change it."""

import argparse
import codecs
import contextlib
import json
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

from MicroTetherDB import MicroTetherDB
from mtdb_tools import places, repair, stats
from mtdb_tools.cable import Board, add_options
from mtdb_tools.command import DONE, Parser, Trouble, WrongUsage, count
from mtdb_tools.database_files import (
    has_lost_all,
    journal_sizes,
    read,
    read_journals,
    seal,
    size,
    sums,
)
from mtdb_tools.places import Damaged, Here, There
from mtdb_tools.saved import key_text

EPILOG = """\
examples:
  %(prog)s list my_database.db               the keys of a database on this PC
  %(prog)s list :my_database.db user         those on the connected board that begin with user
  %(prog)s get :my_database.db user1         one value, as JSON
  %(prog)s get my_database.db note --raw     a text without quotes
  %(prog)s set :my_database.db user1 '{"name": "John", "age": 31}'
  %(prog)s set :my_database.db note --text "any text"
  %(prog)s set my_database.db page --text --file page.html
  %(prog)s get my_database.db -- -key        a key that begins with "-"
  %(prog)s delete :my_database.db user1 user2
  %(prog)s dump :my_database.db backup.json
  %(prog)s load :my_database.db backup.json
  %(prog)s load my_database.db <readings.jsonl
  %(prog)s check :my_database.db             are its files sound?
  %(prog)s stats :my_database.db             how large it is, and how much it wears the flash
  %(prog)s fold my_database.db               save everything into the one JSON file
  %(prog)s repair :my_database.db new.db     save all that is whole in damaged files
  %(prog)s --port /dev/ttyACM1 list :my_database.db

A path that begins with ":" is one on the connected board. This stops the board's program, which
starts again when the board is reset. A change is made in a copy, which then replaces the board's
file in one step: whenever the plug is pulled, the board has all of the old data or of the new.
A database that a program on this PC has open can be read meanwhile, but not changed.

exit status:
  0    done; check: all is well
  1    not done: the message says why
  2    wrong usage
  3    damaged, or not a database
  4    check: sound, but with what a power cut seems to have left, which fold clears away;
       or with a key that is there twice, or with what keeps a board from opening it
  5    repair: done, but not everything could be saved: it lists what is lost
  130  interrupted
"""
LEFTOVERS, LOSSES = 4, 5
UNKNOWN = "whether it counts can't be told"
TORN = (
    "Sound, but the last write to {} is not whole: it was cut off before it was acknowledged, or "
    "damaged later and is lost."
)
NOT_PLAIN = "Sound, but {} {}, and no board can open it: save it as UTF-8 without BOM."
TOO_LARGE = "Sound, but {}, too large for a board whose floats have 32 bits, as most have."
TWICE = "Sound, but {} has the key {} twice: the last value counts, and saving drops the rest."
STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]')
DEEP = 100  # much deeper than what can be stored, less than what json.loads() refuses
LONG = 40  # characters of a text, too many to repeat in a message


def main(arguments=None):
    args = parser().parse_args(arguments)
    if args.port and not args.database.startswith(":"):
        path = ":" + args.database
        raise WrongUsage(f'--port is for a path on the board, which begins with ":": {path}')
    if args.database.startswith(":"):
        place = There(Board(args.port, args.timeout), args.database[1:])
    else:
        place = Here(args.database)
    try:
        return args.command(args, place)
    except KeyError as error:
        raise Trouble(f"{args.database} has no key {json_text(error.args[0])}")


def parser():
    parser = Parser(description=__doc__, epilog=EPILOG)
    parser.add_version()
    add_options(parser)
    add_completion(parser)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name, function, help):
        command = commands.add_parser(name, help=help, description=help)
        command.set_defaults(command=function)
        add_options(command, default=argparse.SUPPRESS)
        add_file(command, "database", metavar="DATABASE", help="its path; :PATH on the board")
        return command

    command = add(
        "list",
        list_keys,
        "print the keys in order, one per line, with control characters escaped",
    )
    prefix_help = "list only keys that begin with this"
    command.add_argument("prefix", metavar="PREFIX", nargs="?", default="", help=prefix_help)
    command.add_argument("--json", action="store_true", help="each key as a JSON text")
    command = add("get", get, "print a value as JSON")
    command.add_argument("key", metavar="KEY")
    command.add_argument("--raw", action="store_true", help="a text as it is, without quotes")
    add_set(add)
    command = add("delete", delete, "delete keys: all of them or, if one is missing, none")
    command.add_argument("keys", metavar="KEY", nargs="+")
    command = add("dump", dump, "save everything as one JSON object, or print it")
    file_help = "a path on this PC. It is written, or replaced, once all has been read"
    add_file(command, "file", metavar="FILE", nargs="?", help=file_help)
    add_load(add)
    add("check", check, "tell what the files are and whether they are sound; change nothing")
    add("stats", show_stats, "tell how large it is, and estimate how much it wears the flash")
    add("fold", fold, "save everything into the one JSON file")
    command = add(
        "repair", save_whole, "save all that is whole in damaged files to a new database"
    )
    add_file(command, "target", metavar="TARGET", help="the new database's path, on this PC")
    return parser


def add_set(add):
    command = add("set", set_value, "store a value; make the database if there is none")
    command.add_argument("key", metavar="KEY")
    json_help = "JSON, such as 31, true or '[1, 2]'; - reads the standard input"
    add_file(command, "value", metavar="VALUE", help=json_help)
    command.add_argument("--text", action="store_true", help="VALUE is text, not JSON")
    command.add_argument(
        "--file", action="store_true", help="VALUE names a file that holds the value"
    )


def add_load(add):
    command = add("load", load, "store all that is in a file; make the database if there is none")
    add_file(
        command,
        "file",
        metavar="FILE",
        nargs="?",
        default="-",
        help='a JSON object; or JSON lines, each an object or ["key", value]. If several lines '
        "have the same key, the last one counts. Without FILE the standard input is read",
    )


def add_file(parser, *name, **options):
    """Add an argument that is a file, for the shell to complete."""
    action = parser.add_argument(*name, **options)
    action.complete = {"bash": "_shtab_compgen_files", "zsh": "_files"}  # shtab.FILE


def add_completion(parser):
    with contextlib.suppress(ImportError):  # pip install shtab
        import shtab

        shtab.add_argument_to(parser, ["--print-completion"])


# The commands. Each takes the arguments and where the database is, and returns an exit status.


def list_keys(args, place):
    with places.reading(place) as db:
        for key in sorted(db):  # a board keeps them in the order of their hashes
            if key.startswith(args.prefix):
                print(json.dumps(key) if args.json else printable(key))


def get(args, place):
    with places.reading(place) as db:
        value = db[args.key]
        print(value if args.raw and isinstance(value, str) else json_text(value))


def set_value(args, place):
    text, name = args.value, "VALUE"
    if args.file or text == "-":
        text, name = read_text(text)
        if not text and args.value == "-":  # perhaps the command before it in a pipe has failed
            raise Trouble(
                "the input is empty: there is nothing to store. To store an empty text, write '' "
                "instead of -"
            )
    value = text if args.text else parse(text, name, text_hint(text))
    with place.change(create=True) as db:
        db[args.key] = value
    tell_new(place)


def delete(args, place):
    with place.change() as db, db.transaction():
        for key in dict.fromkeys(args.keys):
            del db[key]


def dump(args, place):
    if args.file is not None:
        must_be_elsewhere(args.file, "FILE", place)
    with places.reading(place) as db:
        if args.file is not None:
            db.backup(args.file)
            print(f"{count(len(db), 'key')} saved to {args.file}")
            return
        lines = [f"{json_text(key)}: {json_text(db[key])}" for key in db]
        print("{", ",\n".join(lines), "}", sep="\n")


def load(args, place):
    pairs = parse_pairs(*read_text(args.file))
    with place.change(create=True) as db, db.transaction():
        for where, key, value in progress(pairs):
            try:
                db[key] = value
            except (TypeError, ValueError) as error:
                raise Trouble(f"{where}: {error}")
    print(f"{len(pairs):,} loaded")
    tell_new(place)


def tell_new(place):
    """Its name may be another one than is meant, so the user has to know."""
    if place.is_new:
        print(f"{place.name} is a new database.")


def check(args, place):
    with places.copied(place) as copy:
        sizes = {end: size(copy + end) for end in ("", *sums(copy))}
        found = {
            "": seal(copy) if sizes[""] else "missing or empty",
            ".tmp": "left by a fold that was cut",
        }
        journals = read_journals(copy)
        is_empty = has_lost_all(copy)
        doubts = [*text_doubts(copy, place.name)]
        keys = damage = None
        try:
            with places.opened(copy, place) as db:
                keys = count(len(db), "key")
                large = places.large_number(db)
        except Damaged as error:
            damage = error
    if is_empty and not damage:
        damage = places.emptied(place)
    torn = []
    for end, journal in journals.items():
        state = state_of(journal, damage)
        found[end] = f"{state}, {count(journal.records, 'record')}" if state else UNKNOWN
        if state == "torn":
            torn.append(args.database + end)
    for end, length in sizes.items():
        print(f"{args.database + end}: {count(length, 'byte')}, {found[end]}")
    if damage:
        raise damage
    print(keys)
    if torn:
        print(TORN.format(" and ".join(torn)))
    if ".tmp" in sizes:
        print("Sound, with a leftover of a fold that was cut: nothing is lost by it.")
    if large and place.has_small_floats():
        doubts.append(TOO_LARGE.format(large))
    for doubt in doubts:
        print(doubt)
    if torn or ".tmp" in sizes or doubts:
        return LEFTOVERS
    print("All is well.")


def text_doubts(path, name):
    """Yield what to tell of a JSON file that another program has made, and that can be opened."""
    if seal(path) != "not sealed":
        return
    data = read(path)
    if data.startswith(codecs.BOM_UTF8):
        yield NOT_PLAIN.format(name, "begins with a UTF-8 byte order mark")
    elif b"\0" in data:
        yield NOT_PLAIN.format(name, "is not UTF-8")
    with contextlib.suppress(ValueError, RecursionError):  # opening it tells of that
        for key in keys_twice(data)[:1]:
            yield TWICE.format(name, key_text(key))


def state_of(journal, damage):
    """Return the state of a Journal, None if it can't be told: MicroTetherDB knows more of it."""
    if not damage:
        return "torn" if journal.state == "damaged" else journal.state
    return journal.state if journal.records or journal.state == "damaged" else None


def show_stats(args, place):
    boards = place.boards()
    with places.copied(place) as copy:
        sizes = {"": size(copy), **journal_sizes(copy)}
        with places.opened(copy, place) as db:
            for line in stats.lines(args.database, sizes, db, boards):
                print(line)


def fold(args, place):
    with place.change() as db:
        db.flush()


def must_be_elsewhere(path, name, place):
    """Raise Trouble unless a new database can be made at a path on this PC, apart from a place."""
    if path.startswith(":"):
        raise Trouble(f"{name} is a path on this PC. The command load brings it to the board")
    Here(path).must_be_files()
    if place.has_file(path):
        raise Trouble(f"{path} is the name of a file of {place.name} itself: take another")


def save_whole(args, place):
    must_be_elsewhere(args.target, "TARGET", place)
    for end in sums(args.target):
        raise Trouble(f"{args.target + end} is there already: repair makes a new database")
    with places.copied(place) as copy:
        ends = list(sums(copy))
        saved = repair.save(copy, args.database)
    with (
        tempfile.TemporaryDirectory() as folder,
        MicroTetherDB(os.path.join(folder, "new.db")) as db,
    ):
        saved.store(db)
        if not db and saved.is_damaged():
            print(*saved.report(), sep="\n")
            raise Damaged(f"nothing in {place.name} is whole: {args.target} is not made")
        db.backup(args.target)  # all of it or, if that fails, nothing
        keys = count(len(db), "key")
    print(f"{keys} saved to {args.target}. {place.name} is left as it is.")
    print(*saved.report(), sep="\n")
    print("To put it in place:", *place.how_to_replace(ends, args.target), sep="\n  ")
    return LOSSES if saved.has_lost() else DONE


# Text that is read and printed.


def json_text(value):
    return json.dumps(value, ensure_ascii=False)


def printable(text):
    """Return text as one line, with control characters as \\n and the like."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def read_text(file):
    """Return what is in a text file, and its name for messages; "-" is the standard input."""
    name = "the input" if file == "-" else file
    if not file:
        raise Trouble("a path is empty where a file should be named")
    if file != "-":
        data = Path(file).read_bytes()
    elif sys.stdin is None:
        raise Trouble("there is no standard input to read")
    else:
        if sys.stdin.isatty():
            print("Type JSON, and end with Ctrl-D on a line of its own.", file=sys.stderr)
        data = sys.stdin.buffer.read()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Trouble(
            f"{name} is UTF-16, not UTF-8. If Windows PowerShell's > made it, make it anew with "
            "cmd's, which leaves the text as it is"
        )
    try:
        return data.decode("utf-8-sig"), name
    except UnicodeDecodeError as error:
        raise Trouble(f"{name} is not UTF-8: byte {error.start:,} can't be read")


def parse(text, what, hint=""):
    try:
        value = json.loads(text, parse_constant=refuse_number)
        must_have_each_key_once(text, what)
        return value
    except ValueError as error:
        raise Trouble(f"{what} is not valid JSON: {error}{hint}")
    except RecursionError:
        raise Trouble(f"{what} nests too deep")


AS_JSON = {"True": "true", "False": "false", "None": "null"}  # what Python writes otherwise


def text_hint(text):
    """Return how to write what is no JSON, if it may be meant as a text, or as Python."""
    if text.startswith(("[", "{", '"')):
        return ""
    if text in AS_JSON:
        return f". JSON writes it {AS_JSON[text]}"
    example = f", or quote it: {shlex.quote(json_text(text))}" if len(text) <= LONG else ""
    return f". To store a text, add --text{example}"


def refuse_number(name):
    raise ValueError(f"it has no number {name}")


def must_have_each_key_once(text, what):
    """Raise Trouble if a key is there twice in an object of a JSON text."""
    for key in keys_twice(text):
        raise Trouble(f"{what} has the key {key_text(key)} twice: remove one")


def keys_twice(text):
    """Return the keys that are there more than once in an object of a JSON text."""
    twice = []

    def note(pairs):
        seen = set()
        for key, _ in pairs:
            if key in seen:
                twice.append(key)
            seen.add(key)

    json.loads(text, object_pairs_hook=note)
    return twice


def parse_pairs(text, name):
    """Return all (where, key, value) of a JSON object, or of JSON lines. where is for messages."""
    with contextlib.suppress(ValueError):
        try:
            data = json.loads(text)
        except RecursionError:
            raise Trouble(f"line {deep_line(text)} of {name} nests too deep")
        if isinstance(data, dict):
            must_have_each_key_once(text, name)
            return [(name, *item) for item in data.items()]
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:  # perhaps the command before it in a pipe has failed
        raise Trouble(f"{name} is empty: there is nothing to load")
    if not is_json(lines[0][1]):  # so it was meant as one object
        parse(text, name)
        raise Trouble(f"{name} is not a JSON object")
    pairs = []
    for number, line in lines:
        where = f"line {number} of {name}"
        data = parse(line, where)
        if isinstance(data, dict):
            pairs += [(where, *item) for item in data.items()]
        elif isinstance(data, list) and len(data) == 2:
            pairs.append((where, *data))
        else:
            raise Trouble(f'{where} is neither an object nor ["key", value]')
    return pairs


def deep_line(text):
    """Return the number of the first line of a JSON text in which it nests too deep."""
    depth = 0
    for part in STRING_OR_BRACKET.finditer(text):
        depth += (part[0] in "[{") - (part[0] in "]}")
        if depth > DEEP:
            return text.count("\n", 0, part.start()) + 1


def is_json(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def progress(pairs):
    """The pairs, with a progress bar on a terminal if they are many."""
    try:
        from tqdm import tqdm
    except ImportError:  # do without
        return pairs
    return tqdm(pairs, unit=" keys", leave=False, disable=None if len(pairs) > 1000 else True)
