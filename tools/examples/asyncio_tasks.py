"""The database beside asyncio tasks.

mpremote run tools/examples/asyncio_tasks.py    on a board that has MicroTetherDB
python tools/examples/asyncio_tasks.py          on a PC, in a checkout

All tasks run on one thread, so a block can't keep another task out: it would take part in it, and
be rolled back with it. Hence the one rule: no await in a block. First wait for what is needed,
then store it in one go.
"""

import os
import sys

try:
    import asyncio
except ImportError:  # before MicroPython 1.21
    import uasyncio as asyncio

try:
    from MicroTetherDB import MicroTetherDB
except ImportError:  # on a PC: two folders up
    sys.path.append((sys.path[0] or ".") + "/../..")
    from MicroTetherDB import MicroTetherDB

FILE = "example_asyncio.db"


async def ask(what):
    """Stands for anything that takes time: a sensor, a web page."""
    await asyncio.sleep(0.01)
    return len(what)


async def measure(db, room):
    for _ in range(5):
        temperature = await ask(room)  # wait here ...
        with db.transaction():  # ... so that nothing has to be waited for in here
            db[room] = temperature
            db["measured"] += 1


async def blink(db):
    for _ in range(5):
        # Plain writes need no block.
        db["blinks"] += 1
        # A write keeps the other tasks waiting: on a Pico 4 ms mostly, 50 or more where the flash
        # has to erase a block. What must be on time belongs in an interrupt or on the other core.
        await asyncio.sleep(0.01)


async def main():
    with MicroTetherDB(FILE) as db:
        db.update(measured=0, blinks=0)
        tasks = [measure(db, "kitchen"), measure(db, "cellar"), blink(db)]
        await asyncio.gather(*tasks)
        for key in sorted(db):
            print(key, db[key])


asyncio.run(main())
os.remove(FILE)
