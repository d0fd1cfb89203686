"""What bench.py measures on CPython: durable writes on a real disk, in several stores."""

import functools
import json
import os
import shelve
import sqlite3
import statistics
import tempfile
import time
from contextlib import ExitStack

from tinydb import TinyDB
from tinydb.table import Document

from MicroTetherDB import MicroTetherDB

# Each fills a fresh store in folder with data, leaves its closing to stack, and returns a
# function put(key, value) that is durable when it returns.


def library(folder, data, stack):
    db = stack.enter_context(MicroTetherDB(folder + "/library.db"))
    db.update(data)
    return db.__setitem__


def sqlite(folder, data, stack):
    db = sqlite3.connect(folder + "/sqlite.db", isolation_level=None)
    stack.callback(db.close)
    db.execute("pragma journal_mode=wal")
    db.execute("pragma synchronous=full")
    db.execute("create table data (key text primary key, value text)")
    insert = "insert or replace into data values (?, ?)"
    db.execute("begin")
    db.executemany(insert, ((key, json.dumps(value)) for key, value in data.items()))
    db.execute("commit")
    return lambda key, value: db.execute(insert, (key, json.dumps(value)))


def sync(path):
    """Make a file's content and name durable."""
    for name in (path, os.path.dirname(path)):
        handle = os.open(name, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def json_file(folder, data, stack):
    path = folder + "/json.db"
    data = dict(data)

    def put(key, value):
        data[key] = value
        with open(path + ".tmp", "w") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".tmp", path)
        sync(path)

    return put


def shelf(folder, data, stack):
    os.mkdir(folder + "/shelve")
    db = shelve.open(folder + "/shelve/db")  # noqa: SIM115
    stack.callback(db.close)
    db.update(data)

    def put(key, value):
        db[key] = value
        db.sync()
        for name in os.listdir(folder + "/shelve"):
            sync(folder + "/shelve/" + name)

    return put


def tiny(folder, data, stack):
    table = stack.enter_context(TinyDB(folder + "/tinydb.db")).table("data")  # it calls fsync
    numbers = {key: i for i, key in enumerate(data, 1)}
    table.insert_multiple(Document(data[key], numbers[key]) for key in data)
    return lambda key, value: table.update(value, doc_ids=[numbers[key]])


QUICK = {"MicroTetherDB": library, "sqlite3": sqlite}
SLOW = {"json.dump + rename": json_file, "shelve": shelf, "TinyDB": tiny}


@functools.cache
def write_times(scratch, keys=1000, rounds=2000):
    """The mean time in seconds of a durable write in each store, on scratch's disk."""
    data = {f"k{i:04}": {"v": i % 10, "s": "abcdefgh"} for i in range(keys)}
    with tempfile.TemporaryDirectory(dir=scratch) as folder, ExitStack() as stack:
        puts = {name: make(folder, data, stack) for name, make in {**QUICK, **SLOW}.items()}
        times = {name: [] for name in puts}
        names = list(QUICK)
        for i in range(rounds):
            names.reverse()  # who goes first meets what the disk has still to do
            for name in names if i % 40 else SLOW:
                start = time.perf_counter()
                puts[name](f"k{i * 7919 % keys:04}", {"v": (i + i // keys) % 10, "s": "ABCDEFGH"})
                times[name].append(time.perf_counter() - start)
    return {name: statistics.mean(t) for name, t in times.items()}
