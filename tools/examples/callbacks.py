"""Callbacks and interrupts: they count, the main loop writes.

mpremote run tools/examples/callbacks.py    on a board that has MicroTetherDB
python tools/examples/callbacks.py          on a PC with Linux or macOS, in a checkout

A callback (machine.Timer, Pin.irq, micropython.schedule, a signal) runs in the middle of whatever
the program does. It may read the database. A write in it raises RuntimeError, "busy", if it has
come in the middle of another write. So let it set a flag, or count, and write in the main loop. A
hard interrupt must not even read, since it can't allocate memory.
"""

import os
import sys
import time

try:
    from MicroTetherDB import MicroTetherDB
except ImportError:  # on a PC: two folders up
    sys.path.append((sys.path[0] or ".") + "/../..")
    from MicroTetherDB import MicroTetherDB

FILE = "example_callbacks.db"
PERIOD = 10  # milliseconds
GOAL = 50  # callbacks until the example ends

happened = 0  # only the callback changes it, and only the main loop reads it


def on_tick(_):
    global happened
    happened += 1


def start_timer(callback):
    """Have callback called again and again. Return a function that ends that."""
    try:
        from machine import Timer
    except ImportError:
        return start_signal(callback)
    try:
        timer = Timer(-1)
    except ValueError:  # an ESP32 has numbered ones only
        timer = Timer(0)
    timer.init(period=PERIOD, mode=Timer.PERIODIC, callback=callback)
    return timer.deinit


def start_signal(callback):
    """The same on a PC: there a signal interrupts the program."""
    try:
        import signal
    except ImportError:
        return start_schedule(callback)
    signal.signal(signal.SIGALRM, lambda *_: callback(None))
    signal.setitimer(signal.ITIMER_REAL, PERIOD / 1000, PERIOD / 1000)
    return lambda: signal.setitimer(signal.ITIMER_REAL, 0)


def start_schedule(callback):
    """The same on MicroPython for a PC, which has no timers: at each branch of the program."""
    from micropython import schedule

    going = [True]

    def run(_):
        if going:
            callback(None)
            schedule(run, None)

    run(None)
    return going.clear


def save(db, saved):
    """Store what has happened since so many callbacks were saved; return how many are now."""
    now = happened  # read once: what comes after this line is saved the next time
    if now != saved:
        db["ticks"] = db.get("ticks", 0) + now - saved
    return now


def main():
    db = MicroTetherDB(FILE)
    before = db.get("ticks", 0)  # more than 0 if it has been interrupted
    stop = start_timer(on_tick)
    saved = 0
    while saved < GOAL:
        saved = save(db, saved)
        time.sleep(PERIOD / 1000)
    stop()
    saved = save(db, saved)
    print("A callback every", PERIOD, "ms, at least", GOAL, "of them")
    print("None is lost:", db["ticks"] - before == happened == saved)

    db = MicroTetherDB(FILE)  # a reboot
    print("After a reboot:", "as many" if db["ticks"] - before == saved else db["ticks"])
    db.close()
    os.remove(FILE)


if __name__ == "__main__":
    main()
