"""What is whole in the journal of a damaged database: for repair.py, which tells what isn't."""

import json
import re
from dataclasses import dataclass
from zlib import crc32

from mtdb_tools.command import count
from mtdb_tools.database_files import (
    CHAIN,
    MARK,
    SEAL,
    chain_of,
    continues,
    lines_of,
    read,
    seal_value,
    with_plain_newlines,
)
from mtdb_tools.saved import key_text

MOST_LINKS = 4  # to try, where a chain is broken

RECORD_END = re.compile(rb"[ +][0-9a-f]{8}\Z")
HOLE = re.compile(rb"[\xff\0]{14,}")  # erased, or never written: as long as a record, or longer
MORE = "newer values, or deletions, of unknown keys may be lost"
LEFT_OUT = "the end of {}, the last write or more, was cut off or is broken: it is left out"


@dataclass
class _Place:
    """A record's place in the journal."""

    lines: list  # what is there: two lines, if a spill has copied it, and one copy is damaged
    file: str  # the end of the file's name
    line: bytes = b""  # the one that counts
    is_whole: bool = False
    is_proved: bool = False  # by its chain. If not, what was before it is lost, with its chain

    def find(self, links):
        """Find the line that continues one of the links, or else one that can be read. Return what
        the next may continue."""
        readable = [line for line in self.lines if _change(line) is not None]
        self.line = (readable or self.lines)[0]
        for line in self.lines:
            for link in links:
                if continues(line, link):
                    self.line = line
                    self.is_whole = self.is_proved = True
                    return [chain_of(line)]
        # Either its text or its chain is damaged, and the other one tells what comes next.
        stated = {chain_of(line) for line in self.lines} - {None}
        computed = [crc32(line[:-CHAIN], link) for line in self.lines for link in links]
        return [*stated, *computed][:MOST_LINKS]

    def has_hole(self):
        return any(HOLE.search(line) for line in self.lines)

    def ends_batch(self):
        return len(self.line) >= MARK and self.line[-MARK:-CHAIN] != b"+"


class Journal:
    """The log and the tip of a damaged database, as one list of places."""

    def __init__(self, path, base):
        data = with_plain_newlines(read(path + base))
        data = data.rstrip(b"\n") + b"\n"  # an editor may have left none, or more
        said = seal_value(data[-SEAL:])  # None if X has no seal
        body, whole = crc32(data[:-SEAL]), crc32(data)
        self.starts = {said, body, whole} - {None}
        before = seal_value(data[-2 * SEAL : -SEAL])
        if base and before is not None:
            self.starts.add(before)  # it says nothing older than X.tmp
            before = None
        log, tip = (_split_joined(lines_of(path + end)) for end in (".log", ".tip"))
        is_alone = said is not None and not log
        log, tip = _without_stale(log, tip, before)
        self.firsts = [lines[0] for lines in (log, tip) if lines]
        self.places, left = _joined(log, tip, bool(tip) and self._begins(tip))
        first = self.places[0].lines[0] if self.places else b""
        # The tip continues something, but not X.
        self.lacks_log = is_alone and _change(first) is not None and not self._begins(tip)
        self.proves_main = _continues_any(first, (body, whole))
        self._find_all([*self.starts], said == body and not self.lacks_log)
        self.rest += left

    def _begins(self, lines):
        return _continues_any(lines[0], self.starts)

    def _find_all(self, links, was_whole):
        """Find which places are whole, and leave out what was not acknowledged.

        A batch was written when the one before it was durable. So a whole one proves that all
        before it were acknowledged; what is behind the last one, a power cut has left. Where X was
        edited, or what is before it is lost, nothing tells what the first record of a file
        continues: it is believed if it has its end.
        """
        count = 0
        is_batch_whole = True
        for number, place in enumerate(self.places, 1):
            links = place.find(links)
            if not place.is_whole and (not was_whole or place.has_hole()):
                place.is_whole = _change(place.line) is not None
            was_whole = place.is_whole
            is_first = place.line in self.firsts
            is_believed = is_first and place.is_whole and RECORD_END.search(place.line)
            if not (place.is_proved or is_believed):
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
            if not place.is_proved:
                _tell_holes(place, name, saved.lost)
            if change is None:
                text = place.line.decode("utf-8", "surrogateescape")
                saved.lose(text, 1, name + place.file, saved.lost_changes)
                continue
            saved.set(*change)
            if not place.is_proved and (self.lacks_log or place is not self.places[0]):
                key, file = key_text(change[0]), name + place.file
                saved.doubts.append(
                    f"{key}: what was before it in {file} is broken or missing: {MORE}"
                )
        self._tell_start(saved, name)
        rest = [place for place in self.rest if self._may_have_counted(place)]
        if rest:
            saved.doubts.append(LEFT_OUT.format(name + rest[0].file))
        for place in self.rest:
            _tell_holes(place, name, saved.doubts)

    def _may_have_counted(self, place):
        """Whether what is left out may be more than the rest of a write over which others went."""
        line = place.lines[0]
        if line in self.firsts and line[:1] != b'"':  # as that of a failed write begins
            return True
        return line[:1] == b"[" or _change(line) is not None

    def _tell_start(self, saved, name):
        if self.lacks_log:
            saved.lost.append(
                f"perhaps {name}.log, which seems to be missing, or else the first record of "
                f"{name}.tip is broken: {MORE}"
            )
        elif self.places and not self.places[0].is_proved:
            saved.doubts.append(
                f"whether {name + self.places[0].file} is newer than {name} can't be told: it was "
                "taken to be"
            )


def _tell_holes(place, name, sentences):
    size = sum(len(hole) for line in place.lines for hole in HOLE.findall(line))
    if size:
        sentences.append(f"{count(size, 'byte')} of {name + place.file} can't be read: {MORE}")


def _split_joined(lines):
    """Return the lines; those that a damaged or missing newline has joined are apart again."""
    found = []
    for line in lines:
        parts = []
        at = line.rfind(b'["')
        while at > 0:
            for head in (line[: at - 1], line[:at]):
                if continues(line[at:], chain_of(head)):
                    parts.append(line[at:])
                    line = head
                    break
            at = line.rfind(b'["', 0, at)
        found += [line, *reversed(parts)]
    return found


def _without_stale(log, tip, before):
    """Return both lists of lines: empty, if the file is from before the last fold."""
    older = {before} - {None}
    if log and _continues_any(log[0], older):
        older |= {chain_of(line) for line in log} - {None}
        log = []
    if not log and tip and _continues_any(tip[0], older):
        tip = []
    return log, tip


def _joined(log, tip, begins):
    """Return the places of both files, and those of the log that don't count. begins: whether the
    tip goes on from X.

    A spill has copied lines of the tip to the log. What is in the log behind the line that the tip
    goes on from, and is no copy of the tip, is stale, or a power cut has left it.
    """
    start = 0 if begins else _end_before(tip, log)
    number, at = _last_copied(tip, log)
    left = []
    if number is None and start is not None:
        log, left = log[:start], log[start:]
    elif number is None:
        start = len(log)
    elif start is None:
        start = max(at - number, 0)
    elif start + number != at:  # lines are missing, or joined
        log = log[:start] + tip[: number + 1] + log[at + 1 :]
    places = [_Place([line], ".log") for line in log]
    for at, line in enumerate(tip, start):
        if at < len(log):
            places[at].lines.append(line)
        else:
            places.append(_Place([line], ".tip"))
    return places, [_Place([line], ".log", line) for line in left]


def _end_before(tip, log):
    """Return how many lines of the log there are before what the tip begins with, None if that
    can't be told."""
    for number, line in enumerate(log, 1):
        if tip and continues(tip[0], chain_of(line)):
            return number
    return None


def _last_copied(tip, log):
    """Return the index of the last line of the tip that is in the log, too, and its index there.

    The copy may be broken: then it has the same chain, or what is behind it goes on from that.
    """
    places = {chain_of(line): at for at, line in enumerate(log)}
    breaks = [at for at in range(1, len(log)) if not continues(log[at], chain_of(log[at - 1]))]
    for number in reversed(range(len(tip))):
        chain = chain_of(tip[number])
        if chain is None:
            continue
        at = places.get(chain)
        if at is not None:
            return number, at
        for behind in breaks:
            if continues(log[behind], chain):
                return number, behind - 1
    return None, None


def _continues_any(line, links):
    return any(continues(line, link) for link in links)


def _change(line):
    """Return what a record says, [key, value], or [key] if it deletes; None if it isn't whole."""
    try:
        change = json.loads(line[:-MARK])
    except (ValueError, RecursionError):
        return None
    is_change = isinstance(change, list) and len(change) in (1, 2) and isinstance(change[0], str)
    return change if is_change else None
