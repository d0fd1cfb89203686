"""Save what is whole in the files of a damaged database, and tell what is lost."""

import contextlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from MicroTetherDB import MicroTetherDB
from mtdb_tools.database_files import SEAL, lines_of, read_journals, seal, seal_value, size

MARK, CHAIN = 9, 8  # where a line's mark and chain begin, from its end


def _no_number(name):
    raise ValueError(f"{name} is no JSON")


DECODER = json.JSONDecoder(parse_constant=_no_number)
OPENING = re.compile(r"\ufeff?\s*\{")
SEPARATORS = re.compile(r"[\s,]*")
COLON = re.compile(r"\s*:\s*")
ENTRY_END = re.compile(r"\s*[,}]|[ \t\r]*\n")
NEXT_ENTRY = re.compile(r'(?<=\n)(?=")')  # each entry of a database has a line of its own

LEFT_OUT = "the last write to {} was cut off, or is broken: it is left out"


@dataclass
class Saved:
    """What repair has found."""

    data: dict = field(default_factory=dict)  # all that is whole
    lost_keys: dict = field(default_factory=dict)  # key: the name of the file that had its value
    lost_changes: dict = field(default_factory=dict)  # the same of the journal
    lost: list = field(default_factory=list)  # sentences: what else is lost
    doubts: list = field(default_factory=list)  # sentences: what is saved, but can't be proved

    def set(self, key, *value):
        """Note what an entry or a record says; without a value it deletes."""
        self.lost_keys.pop(key, None)
        file = self.lost_changes.pop(key, None)
        if file:  # what is broken may have been the key itself
            self.doubts.append(
                f"a broken record of {file} reads as an older value of {_name(key)}"
            )
        self.data.pop(key, None)
        if value:
            self.data[key] = value[0]

    def lose(self, text, file):
        """Note a part of a file that isn't whole, and has no key that can be read."""
        length = len(text.encode("utf-8", "surrogateescape"))
        self.lost.append(f"{length:,} bytes of {file}, of which not even the key can be read")

    def is_damaged(self):
        return bool(self.lost_keys or self.lost_changes or self.lost or self.doubts)

    def report(self):
        """Yield in sentences what is lost, and what is in doubt."""
        for key, file in self.lost_keys.items():
            yield f"Lost: {_name(key)}: its value ({file})"
        for key, file in self.lost_changes.items():
            old = "an older one is saved" if key in self.data else "there is no older one"
            what = f"its newest value; {old}"
            yield f"Lost: {_name(key)} or, if the key is broken, another one: {what} ({file})"
        yield from (f"Lost: {sentence}" for sentence in self.lost)
        yield from (f"In doubt: {sentence}" for sentence in self.doubts)
        if not self.is_damaged():
            yield "Nothing is lost."


def _name(key):
    return json.dumps(key, ensure_ascii=False)


def save(path, name):
    """Return what is Saved of the database at path, which messages call name.

    If it is sound, it is opened and closed as any.
    """
    saved = Saved()
    journals = read_journals(path)
    torn = [end for end in journals if journals[end].state not in ("live", "stale")]
    with contextlib.suppress(ValueError), MicroTetherDB(path) as db:
        saved.data = dict(db)
        if torn:
            saved.doubts.append(LEFT_OUT.format(name + torn[0]))
        return saved
    base = _base(path)
    journal = _Journal(path, base)
    if size(path + base):
        text, is_whole = _split_main(path + base)
        _save_main(saved, text, name + base)
        if not (is_whole or journal.proves_main):
            saved.doubts.append(
                f"{name + base}: its checksum is wrong or missing. A value that reads well may be "
                "wrong, too"
            )
    else:
        saved.lost.append(f"{name} is missing: what only this file held")
    journal.save(saved, name)
    return saved


def _base(path):
    """Return the end of the name of the file to start from: "", or ".tmp" if that is newer.

    A fold that was cut leaves X.tmp: whole, and the next X. What the journal says is in there, or
    came later.
    """
    if seal(path + ".tmp") == "sealed":
        data = _read(path)
        if not data or seal_value(_read(path + ".tmp")[-2 * SEAL : -SEAL]) == seal_value(
            data[-SEAL:]
        ):
            return ".tmp"
    return ""


def _read(path):
    return Path(path).read_bytes() if size(path) else b""


# The JSON file.


def _split_main(path):
    """Return the JSON text in the file, and whether its seal says that it is whole."""
    data = _read(path)
    end = data.rfind(b"\n}\n") + len(b"\n}\n")
    is_ours = end >= len(b"\n}\n") and len(data) - end <= 2 * SEAL
    text = data[:end] if is_ours else data
    return text.decode("utf-8", "surrogateescape"), seal(path) == "sealed"


def _save_main(saved, text, name):
    """Save the entries of a JSON object that are whole. Go on with the next line behind others."""
    opening = OPENING.match(text)
    at = opening.end() if opening else 0
    while True:
        at = SEPARATORS.match(text, at).end()
        if at == len(text):
            saved.lost.append(f"the end of {name} is missing: what was there is not known")
            return
        if text[at:].strip() == "}" and text[at] == "}":
            return
        try:
            key, value, at = _entry(text, at)
            saved.set(key, value)
        except (ValueError, RecursionError):
            found = NEXT_ENTRY.search(text, at + 1)
            end = found.start() if found else len(text)
            key = _key_at(text, at)
            if key is None:
                saved.lose(text[at:end], name)
            else:
                saved.lost_keys[key] = name
            at = end
            if not found:
                return


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


def _key_at(text, at):
    """Return the key that an entry or a record begins with, None if it can't be read."""
    try:
        key, end = DECODER.raw_decode(text, at)
        key.encode()
    except (ValueError, AttributeError, RecursionError):
        return None
    return key if re.compile(r"\s*[:,\]]").match(text, end) else None


# The journal.


@dataclass
class _Place:
    """A record's place in the journal."""

    lines: list  # what is there: two lines, if a spill has copied it, and one copy is damaged
    file: str  # the end of the file's name
    line: bytes = b""  # the one that counts
    is_whole: bool = False
    is_proved: bool = False  # by its chain. If not, what was before it is lost, with its chain

    def find(self, links):
        """Find the line that continues one of the links. Return what the next may continue."""
        self.line = self.lines[0]
        for line in self.lines:
            for link in links:
                if _continues(line, link):
                    self.line = line
                    self.is_whole = self.is_proved = True
                    return {_chain(line)}
        # Either its text or its chain is damaged, and the other one tells what comes next.
        stated = {_chain(line) for line in self.lines} - {None}
        return stated | {crc32(line[:-CHAIN], link) for line in self.lines for link in links}

    def ends_batch(self):
        return len(self.line) >= MARK and self.line[-MARK:-CHAIN] != b"+"


class _Journal:
    """The log and the tip of a damaged database, as one list of places."""

    def __init__(self, path, base):
        data = _read(path + base)
        self.starts = {seal_value(data[-SEAL:]), crc32(data[:-SEAL]), crc32(data)} - {None}
        before = seal_value(data[-2 * SEAL : -SEAL])
        if base and before is not None:
            self.starts.add(before)  # it says nothing older than X.tmp
            before = None
        log, tip = (_split_joined(lines_of(path + end)) for end in (".log", ".tip"))
        log, tip = self._without_stale(log, tip, before)
        self.places = _joined(log, tip)
        first = self.places[0].lines[0] if self.places else b""
        self.proves_main = _continues_any(first, (crc32(data[:-SEAL]), crc32(data)))
        self._find_all(self.starts, seal_value(data[-SEAL:]) is not None)

    def _without_stale(self, log, tip, before):
        """Return both lists of lines: empty, if the file is from before the last fold."""
        older = {before} - {None}
        if log and (_continues_any(log[0], older) or tip and self._begins(tip)):
            older |= {_chain(line) for line in log} - {None}
            log = []
        if not log and tip and _continues_any(tip[0], older):
            tip = []
        return log, tip

    def _begins(self, lines):
        return _continues_any(lines[0], self.starts)

    def _find_all(self, links, was_whole):
        """Find which places are whole, and leave out what was not acknowledged.

        A batch was written when the one before it was durable. So a whole one proves that all
        before it were acknowledged; what is behind the last one, a power cut has left.
        """
        count = 0
        is_batch_whole = True
        for number, place in enumerate(self.places, 1):
            links = place.find(links)
            if not place.is_whole and not was_whole:
                place.is_whole = _change(place.line) is not None
            was_whole = place.is_whole
            if not place.is_proved:
                is_batch_whole = place.ends_batch()
            elif place.ends_batch():
                count = number if is_batch_whole else count
                is_batch_whole = True
        self.rest = self.places[count:]
        del self.places[count:]

    def save(self, saved, name):
        """Make the changes that are whole to what is saved."""
        for place in self.places:
            change = _change(place.line) if place.is_whole else None
            if change is None:
                _lose_record(saved, place.line, name + place.file)
                continue
            saved.set(*change)
            if not place.is_proved and place is not self.places[0]:
                file = name + place.file
                saved.doubts.append(f"{_name(change[0])}: what was before it in {file} is broken")
        self._tell_start(saved, name)
        rest = [place for place in self.rest if _change(place.line) or place.lines[0][:1] == b"["]
        if rest:
            saved.doubts.append(LEFT_OUT.format(name + rest[0].file))

    def _tell_start(self, saved, name):
        if self.places and not self.places[0].is_proved:
            saved.doubts.append(
                f"whether {name + self.places[0].file} is newer than {name} can't be told: it was "
                "taken to be"
            )


def _lose_record(saved, line, file):
    text = line.decode("utf-8", "surrogateescape")
    key = _key_at(text, 1)
    if key is None:
        saved.lose(text, file)
    else:
        saved.lost_changes[key] = file


def _split_joined(lines):
    """Return the lines; two that a damaged newline has joined are two again."""
    found = []
    for line in lines:
        at = line.find(b'["', 1)
        while at > 0 and not _continues(line[at:], _chain(line[: at - 1])):
            at = line.find(b'["', at + 1)
        found += [line[: at - 1], line[at:]] if at > 0 else [line]
    return found


def _joined(log, tip):
    """Return the places of both files. A spill has copied lines of the tip to the log."""
    places = [_Place([line], ".log") for line in log]
    shared = [(log.index(line), place) for place, line in enumerate(tip) if line in log]
    start = max(shared[0][0] - shared[0][1], 0) if shared else len(log)
    for at, line in enumerate(tip, start):
        if at < len(log):
            places[at].lines.append(line)
        else:
            places.append(_Place([line], ".tip"))
    return places


def _continues(line, chain):
    """Whether a line is a whole record that continues the chain."""
    return chain is not None and line[-CHAIN:] == b"%08x" % crc32(line[:-CHAIN], chain)


def _continues_any(line, links):
    return any(_continues(line, link) for link in links)


def _chain(line):
    """Return the chain that a line ends with, None if there is none."""
    try:
        return int(line[-CHAIN:], 16)
    except ValueError:
        return None


def _change(line):
    """Return what a record says, [key, value], or [key] if it deletes; None if it isn't whole."""
    try:
        change = json.loads(line[:-MARK])
    except (ValueError, RecursionError):
        return None
    is_change = isinstance(change, list) and len(change) in (1, 2) and isinstance(change[0], str)
    return change if is_change else None
