"""What runs on the emulated Pico when it is reset in the middle of its work: work.py, until a
timer resets the board, at a random moment."""

import machine

RANDOM = 0x5090000C
WITHIN = 4000  # milliseconds: work.py takes longer


def reset(_):
    machine.reset()


machine.Timer(
    mode=machine.Timer.ONE_SHOT,
    period=1 + machine.mem32[RANDOM] % WITHIN,
    callback=reset,
)
import work  # noqa: E402, F401
