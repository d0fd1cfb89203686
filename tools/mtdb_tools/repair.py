"""Save what is whole in the files of a damaged database, and tell what is lost."""

import re

from MicroTetherDB import MicroTetherDB
from mtdb_tools.database_files import (
    SEAL,
    has_lost_all,
    read,
    read_journals,
    seal,
    seal_value,
    size,
)
from mtdb_tools.repair_journal import LEFT_OUT, Journal
from mtdb_tools.saved import DECODER, Saved

OPENING = re.compile(r"\ufeff?\s*\{")
IN_ONE_LINE = re.compile(r'\ufeff?\s*\{[ \t]*"')  # at least the first entry
BEGIN_OF_LINE = re.compile(r'\n([ \t]*)"')
# Where nothing is indented, a value that takes several lines begins and ends like this.
BEGIN_OF_LONG, END_OF_LONG = re.compile(r"[\[{]\r?\n"), re.compile(r'\n[]}],?\r?\n["}]')
SEPARATORS = re.compile(r"[\s,]*")
END = re.compile(r"\}?\s*\Z")
COLON = re.compile(r"\s*:\s*")
ENTRY_END = re.compile(r"\s*[,}]|[ \t\r]*\n")


def save(path, name):
    """Return what is Saved of the database at path, which messages call name.

    If it can be opened, that tells best what counts. But where something is left out then, it may
    be whole, and prove that it counts, if what is broken before it is in the other file, too.
    """
    whole = _save_whole(path, name)
    opened = _save_opened(path, name)
    if not opened:
        return whole
    has_more = opened.is_damaged() and whole.data != opened.data and not whole.has_lost()
    return whole if has_more else opened


def _save_whole(path, name):
    saved = Saved()
    base = _base(path)
    if base:
        saved.doubts.append(
            f"{name + base}, which a fold that was cut has left, was taken instead"
        )
    journal = Journal(path, base)
    if size(path + base):
        text, is_whole = _split_main(path + base)
        _save_main(saved, text, name + base)
        if not (is_whole or journal.proves_main):
            saved.doubts.append(
                f"{name + base}: its checksum is wrong or missing. Even a value that looks right "
                "may be wrong"
            )
    else:
        saved.lost.append(f"{name} is missing: what only this file held")
    journal.save(saved, name)
    return saved


def _save_opened(path, name):
    """Return what is Saved of a database that can be opened, None if it can't be. It is closed,
    too, and its files are changed by that."""
    journals = read_journals(path)
    is_empty = has_lost_all(path)
    try:
        with MicroTetherDB(path) as db:
            saved = Saved(dict(db))
    except ValueError:
        return None
    if is_empty:
        saved.lost.append(f"{name} is empty: what it held")
    for end, journal in journals.items():
        if journal.state not in ("live", "stale"):
            saved.doubts.append(LEFT_OUT.format(name + end))
    return saved


def _base(path):
    """Return the end of the name of the file to start from: "", or ".tmp" if that is newer.

    A fold that was cut leaves X.tmp: whole, and the next X. What the journal says is in there, or
    came later.
    """
    data = read(path)
    if not data and size(path + ".tmp"):
        return ".tmp"
    if seal(path + ".tmp") == "sealed":
        before = read(path + ".tmp")[-2 * SEAL : -SEAL]
        if seal_value(before) == seal_value(data[-SEAL:]):
            return ".tmp"
    return ""


# The JSON file.


def _split_main(path):
    """Return the JSON text in the file, and whether its seal says that it is whole."""
    data = read(path)
    end = data.rfind(b"\n}\n") + len(b"\n}\n")
    is_ours = end >= len(b"\n}\n") and len(data) - end <= 2 * SEAL
    text = data[:end] if is_ours else data
    return text.decode("utf-8", "surrogateescape"), seal(path) == "sealed"


def _save_main(saved, text, name):
    """Save the entries of a JSON object that are whole."""
    opening = OPENING.match(text)
    body = text[opening.end() :] if opening else text
    indent = _indent(text, body)
    parts = [body] if indent is None else re.split(rf'(?<=\n)(?={indent}")', body)
    for part in parts:
        end = _save_part(saved, part, name)
    if end is None:  # what the last part ends with was lost with an entry
        end = text.rstrip().endswith("\n}")
        if indent is None:
            saved.lost.append(f"perhaps other keys: what follows in {name} can't be read")
            return
    if not end:
        saved.lost.append(f"the end of {name} is missing: what was there is not known")


def _indent(text, body):
    """Return what is before the key in each line where an entry begins, so that a broken one has
    an end. Return None if not each begins a line. In a database each is a line."""
    if IN_ONE_LINE.match(text):
        return None
    indent = min(BEGIN_OF_LINE.findall(text), key=len, default=None)
    if indent == "" and BEGIN_OF_LONG.search(body) and END_OF_LONG.search(body):
        return None
    return indent


def _save_part(saved, text, name):
    """Save the entries in a part of the text, up to one that is broken: then return None. Else
    return what is behind them, "}" or nothing."""
    at = 0
    while True:
        separators = SEPARATORS.match(text, at)
        if separators[0].count(",") > 1:
            saved.lost.append(f"what was between two commas of {name}")
        at = separators.end()
        end = END.match(text, at)
        if end:
            return end[0].strip()
        try:
            key, value, at = _entry(text, at)
            saved.set(key, value)
        except (ValueError, RecursionError):
            saved.lose(text[at:], 0, name, saved.lost_keys)
            return None


def _entry(text, at):
    """Return (key, value, where it ends) of the entry at a place. ValueError: it isn't whole."""
    start = at
    key, at = DECODER.raw_decode(text, at)
    colon = COLON.match(text, at)
    if not isinstance(key, str) or not colon:
        raise ValueError("no key")
    value, at = DECODER.raw_decode(text, colon.end())
    if at == len(text):
        if type(value) in (int, float):
            raise ValueError("perhaps only the first digits")
    elif not ENTRY_END.match(text, at):
        raise ValueError("no end")
    text[start:at].encode()  # ValueError for bytes that are no UTF-8
    return key, value, at
