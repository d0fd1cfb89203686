"""What repair finds in damaged files, and how it is told."""

import json
import re
from dataclasses import dataclass, field

from mtdb_tools.command import count


def _refuse_number(name):
    raise ValueError(f"{name} is not valid JSON")


DECODER = json.JSONDecoder(parse_constant=_refuse_number)
KEY_END = re.compile(r"\s*[:,\]]")


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
                f"a broken record of {file} reads as an older value of {key_text(key)}"
            )
        self.data.pop(key, None)
        if value:
            self.data[key] = value[0]

    def store(self, db):
        """Store it in a database, except what can't be stored, which is lost."""
        with db.transaction():
            for key, value in self.data.items():
                try:
                    db[key] = value
                except (TypeError, ValueError) as error:
                    reason = str(error).rpartition("]: ")[2]
                    self.lost.append(f"{key_text(key)}: {reason}")

    def lose(self, text, at, file, keys):
        """Note a part of a file that isn't whole: in keys, if its key, at a place in it, is."""
        key = _key_at(text, at)
        if key is not None:
            keys[key] = file
            return
        length = count(len(text.encode("utf-8", "surrogateescape")), "byte")
        self.lost.append(f"{length} of {file}, of which not even the key can be read")

    def has_lost(self):
        return bool(self.lost_keys or self.lost_changes or self.lost)

    def is_damaged(self):
        return self.has_lost() or bool(self.doubts)

    def report(self):
        """Yield in sentences what is lost, and what is in doubt."""
        for key, file in self.lost_keys.items():
            yield f"Lost: {key_text(key)}: its value ({file})"
        for key, file in self.lost_changes.items():
            old = "an older one is saved" if key in self.data else "there is no older one"
            what = f"its newest value; {old}"
            yield f"Lost: {key_text(key)} or, if the key is broken, another one: {what} ({file})"
        yield from (f"Lost: {sentence}" for sentence in self.lost)
        yield from (f"In doubt: {sentence}" for sentence in self.doubts)
        if not self.is_damaged():
            yield "Nothing is lost."


def key_text(key):
    text = json.dumps(key, ensure_ascii=False)
    return text.encode(errors="backslashreplace").decode()  # half of a character, if there is one


def _key_at(text, at):
    """Return the key at a place in a text, None if it can't be read."""
    try:
        key, end = DECODER.raw_decode(text, at)
        key.encode()
    except (ValueError, AttributeError, RecursionError):
        return None
    return key if KEY_END.match(text, end) else None
