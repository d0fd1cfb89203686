"""Eight threads at once, on MicroPython without a global lock: no update is lost or half seen.

    micropython -X heapsize=8M tests/sweeps/threads.py [rounds=100]
    python tests/sweeps/threads.py [rounds=100]

Some threads count up under lock(), some move money between accounts in a transaction() that every
third time raises, some read and iterate meanwhile; then the file has to say the same.
"""

import sys
import time

import workload
from workload import MICROPYTHON, MicroTetherDB, Oops, read

if MICROPYTHON:
    from chips import device

ACCOUNTS = 6
TURNS = 6
TOTAL = ACCOUNTS * 100


def names():
    return ["account%d" % i for i in range(ACCOUNTS)]


def count(db, me):
    for _ in range(TURNS):
        with db.lock():
            db["half"] = True
            db["count"] += 1
            time.sleep(0.0005)
            db["each"][str(me)] = db["each"].get(str(me), 0) + 1
            db["half"] = False
        db["own%d" % me] = {"turn": me}


def move(db, me):
    for turn in range(TURNS):
        source = "account%d" % ((me + turn) % ACCOUNTS)
        target = "account%d" % ((me * 3 + turn + 1) % ACCOUNTS)
        try:
            with db.transaction():
                db[source]["money"] -= 7
                db["moved"] += 1
                if (me + turn) % 3 == 0:
                    raise Oops
                db[target]["money"] += 7
        except Oops:
            pass


def look(db, me):
    for _ in range(TURNS):
        with db.transaction():
            total = sum([db[name]["money"] for name in names()])
        assert total == TOTAL, "the accounts hold %d" % total
        for key in db:
            assert key in db
            assert db["half"] is db.get("half") is dict(db.items())["half"] is False
        assert len(list(db.items())) >= ACCOUNTS
        assert db.get("count") >= 0 and db["each"] is not None


JOBS = (count, count, move, count, move, look, move, look)


class Round:
    def __init__(self, path):
        self.db = db = MicroTetherDB(path)
        db.update({name: {"money": 100} for name in names()})
        db.update({"count": 0, "each": {}, "moved": 0, "half": False})

    def work(self, me):
        JOBS[me](self.db, me)

    def run(self):
        workload.in_threads(len(JOBS), self.work, 60)
        return read(self.db)


def check(found):
    counters = [me for me in range(len(JOBS)) if JOBS[me] is count]
    movers = [me for me in range(len(JOBS)) if JOBS[me] is move]
    assert found["count"] == len(counters) * TURNS, found["count"]
    assert found["each"] == {str(me): TURNS for me in counters}, found["each"]
    assert sum([found[name]["money"] for name in names()]) == TOTAL
    assert found["moved"] == sum(
        [(me + turn) % 3 != 0 for me in movers for turn in range(TURNS)]
    ), found["moved"]


def main():
    rounds = workload.options(rounds=100)["rounds"]
    folder = workload.scratch()
    for i in range(rounds):
        if MICROPYTHON and i % 2:
            chip = device("lfs256" if i % 4 == 1 else "fat")
            chip.format()
            chip.mount("/threads")
            path = "/threads/x.db"
        else:
            workload.fresh(folder)
            path = folder + "/x.db"
        found = Round(path).run()
        check(found)
        after = read(MicroTetherDB(path))
        assert after == found, "the file says %r" % after
        if path[:9] == "/threads/":
            workload.forget()
            workload.os.umount("/threads")
    print("%s: %d rounds of %d threads, all agree" % (sys.implementation.name, rounds, len(JOBS)))


workload.run(main)
