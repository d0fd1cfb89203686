"""What the files of a database are. MicroTetherDB's docstring says how they are made."""

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

JOURNALS = (".log", ".tip")
FILES = ("", *JOURNALS, ".tmp")  # the files of a database at X are X, X.log, X.tip and X.tmp
SEAL = 33  # bytes


def sums(path):
    """Return {end of the name: SHA-256} of the files that the database at path has."""
    found = {}
    for end in FILES:
        with contextlib.suppress(FileNotFoundError):
            found[end] = hashlib.sha256(Path(path + end).read_bytes()).hexdigest()
    return found


def size(path):
    """Return the file's length in bytes, 0 if there is none."""
    return os.path.getsize(path) if os.path.exists(path) else 0


def seal(path):
    """Return "sealed", "not sealed" or "wrongly sealed", whichever the JSON file at path is."""
    body, end = _split(path)
    if not end:
        return "not sealed"
    crc = crc32(body)
    right = bytes(9 if crc >> bit & 1 else 32 for bit in range(32)) + b"\n"
    return "sealed" if end == right else "wrongly sealed"


def _split(path):
    """Return what the file holds, in two parts: all before the seal, and the seal."""
    data = Path(path).read_bytes() if size(path) else b""
    if len(data) >= SEAL and data[-SEAL:].strip(b" \t") == b"\n":
        return data[:-SEAL], data[-SEAL:]
    return data, b""


@dataclass
class Journal:
    """What is in a journal file.

    live: its records count. stale: all it says is in X already, or in the log; the next write
    replaces it. torn: a power cut came in the middle of a write, which was not acknowledged; the
    records before it count. damaged: there are whole records behind one that is broken.
    """

    state: str
    records: int  # how many count


def read_journals(path):
    """Return {end of the name: Journal} of the journal files that the database at path has."""
    journals = {}
    chain = crc32(_split(path)[0])
    for end in JOURNALS:
        if os.path.exists(path + end):
            journals[end], chain = _read_journal(Path(path + end).read_bytes(), chain)
    return journals


def _read_journal(data, chain):
    """Return what is in a journal file that is to continue chain, and the chain at its end."""
    *lines, rest = data.split(b"\n")
    lines = [line for line in lines if line.strip()]  # a blank line is padding
    good = 0
    while good < len(lines) and _follows(lines, good):
        good += 1
    records = None  # None: it does not continue chain
    batch = 0
    end = chain
    for line in lines[:good]:
        batch += 1
        if line[8:9] != b"+":
            here = int(line[:8], 16)
            if here == chain:  # what comes before is in X already, or in the log
                records = 0
            elif records is not None:
                records += batch
                end = here
            batch = 0
    if any(_follows(lines, i) for i in range(good + 1, len(lines))):
        state = "damaged"
    elif records is None and good:
        state = "stale"
    elif rest or batch or good < len(lines):
        state = "torn"
    else:
        state = "live" if records else "stale"
    return Journal(state, records or 0), end


def _follows(lines, i):
    """Whether line i of a journal file is whole and continues the line before it."""
    try:
        chain = int(lines[i][:8], 16)
        if i == 0:  # it says where the file starts
            return len(lines[0]) == 8
        return chain == crc32(lines[i][9:], crc32(lines[i][8:9], int(lines[i - 1][:8], 16)))
    except ValueError:
        return False
