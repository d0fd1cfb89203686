"""Programs that open, write and close one database, fork, and are killed, all at random.

    python tests/sweeps/programs.py [kills=200] [seed=1]

Two programs run at any time; one that is killed is followed by another one. Each tells what it is
going to write, and what is done. Some fork while they have the database open: the child may not
use the parent's, but open it itself when that is through. At the end all that was acknowledged has
to be there; who was refused must have been told by whom; and no two may have had it open at once.
"""

import contextlib
import fcntl
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import workload
from workload import MicroTetherDB

RUNNING = 2  # programs at a time
KEYS = 2  # of each program


def tell(*words):
    """Tell the program that started all, in one piece."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Program:
    """What each of the programs does."""

    def __init__(self, path, name, seed):
        self.path = path
        self.name = name
        self.chance = random.Random(f"{seed}-{name}")
        self.n = 0
        self.acknowledged = {}

    def run(self):
        while True:
            self.work()
            time.sleep(self.chance.uniform(0, 0.003))
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass

    def work(self):
        try:
            db = MicroTetherDB(self.path)
        except OSError as error:
            tell("refused", os.getpid(), str(error).replace("\n", " "))
            return
        inside = os.open(self.path + ".inside", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.lockf(inside, fcntl.LOCK_EX | fcntl.LOCK_NB)  # dies with the process, too
        except BlockingIOError:
            tell("WRONG: two have it open at once")
        tell("opened", os.getpid())
        self.use(db)
        if self.chance.random() < 0.2:  # take it over
            db = MicroTetherDB(self.path)
            self.use(db)
        os.close(inside)
        db.close()

    def use(self, db):
        for key, n in self.acknowledged.items():
            if db.get(key) != n:
                tell("WRONG: lost", key, n, "it is", db.get(key))
        for _ in range(self.chance.randrange(6)):
            self.write(db)
        if self.chance.random() < 0.2 and os.fork() == 0:
            try:
                self.forked(db)
            finally:
                os._exit(0)
        self.write(db)

    def write(self, db):
        self.n += 1
        key = f"{self.name}-{self.n % KEYS}"
        tell("begun", key, self.n)
        if self.chance.random() < 0.8:
            db[key] = self.n
        else:
            with db.transaction():
                db[key] = -1
                db[key] = self.n
        tell("done", key, self.n)
        self.acknowledged[key] = self.n

    def forked(self, db):
        """What a child does that has the parent's object."""
        tell("forked", os.getpid())
        try:
            db[self.name + "-forked"] = 0
            tell("WRONG: a child has written to its parent's database")
        except ValueError as error:
            if "parent" not in str(error):
                tell("WRONG:", error)
        child = Program(self.path, f"{self.name}f{self.n}", 0)
        for _ in range(3):
            child.work()


class Listener:
    """Starts a program and listens to what it and its children tell."""

    def __init__(self, path, name, seed):
        command = [sys.executable, __file__, f"path={path}", f"name={name}", f"seed={seed}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines = []
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        with self.process.stdout as pipe:
            for line in pipe:
                self.lines.append(line)

    def has_done(self):
        return any(line.startswith("done") for line in self.lines)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def run_all(path, kills, seed):
    """Let programs run and kill one after the other. Return the Listeners of all."""
    chance = random.Random(seed)
    names = iter(range(10**9))
    running = [Listener(path, f"p{next(names)}", seed) for _ in range(RUNNING)]
    ended = []
    end = time.time() + 30 + kills * 5
    while len(ended) < kills:
        victim = running[chance.randrange(RUNNING)]
        while not victim.has_done() and chance.random() < 0.99:  # some before they have begun
            time.sleep(0.005)
            assert time.time() < end, "the programs keep each other out: %r" % victim.lines
        time.sleep(chance.uniform(0, 0.05))
        victim.kill()
        ended.append(victim)
        running[running.index(victim)] = Listener(path, f"p{next(names)}", seed)
    for each in running:
        each.kill()
    for each in ended + running:
        each.thread.join(60)
        assert not each.thread.is_alive(), "a child never ends"
    return ended + running


class Told:
    """What all have told, put together."""

    def __init__(self, listeners):
        self.counts = {}
        self.pids = {str(each.process.pid) for each in listeners}
        self.holders = []  # by whom one was refused: the message
        self.values = {}  # key: the last value that is done, and the last that was begun
        for each in listeners:
            for line in each.lines:
                self.take(line.strip())

    def take(self, line):
        assert not line.startswith("WRONG"), line
        kind, *words = line.split()
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if kind in ("begun", "done"):
            done, begun = self.values.get(words[0], (None, None))
            n = int(words[1])
            self.values[words[0]] = (n, begun) if kind == "done" else (done, n)
        elif kind == "refused":
            self.pids.add(words[0])
            self.holders.append(line)
        else:
            self.pids.add(words[0])

    def check(self, found):
        for key, allowed in self.values.items():
            value = found.pop(key, None)
            assert value in allowed, f"{key}: {value}, done and begun were {allowed}"
        assert not found, f"nobody has begun to write {found}"
        for line in self.holders:
            holder = re.search(r"is open in process (\d+)", line)
            named = holder and holder[1] in self.pids
            assert named or "is open in another process" in line, line


def main():
    options = workload.options(path="", name="", kills=200, seed=1)
    if options["name"]:
        Program(options["path"], options["name"], options["seed"]).run()
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/x.db"
        told = Told(run_all(path, options["kills"], options["seed"]))
        with MicroTetherDB(path) as db:
            told.check(dict(db.items()))
    counts = told.counts
    print(
        "cpython: %d kills; %d times opened, %d times refused, %d forks; %d writes, none lost"
        % (options["kills"], *map(counts.get, ("opened", "refused", "forked", "done")))
    )


workload.run(main)
