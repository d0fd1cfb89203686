"""Leave only so much of the heap free, in one piece or in holes; find how much is enough."""

import gc

STRAY = 400  # at most so many small pieces are free elsewhere: a pin there would part no holes


def exhaust():
    """Take all that is free, and return what holds it."""
    held = None
    for piece in (1 << 18, 4096, 256, 0):
        try:
            while True:
                held = [held, bytearray(piece)] if piece else (held,)
        except MemoryError:
            pass
    return held


def release(held):
    """Free what exhaust() has taken, even if something stale still leads to a part of it."""
    while held:
        node = held
        held = node[0]
        if isinstance(node, list):
            node[0] = node[1] = None


def fill(leave):
    """Leave so many bytes of the heap free, in one piece."""
    gc.collect()
    gap = [bytearray(leave)]
    held = exhaust()
    gap[0] = None
    gc.collect()
    return held


def punch(hole, total):
    """Leave about so many bytes free, in holes of that size: a fragmented heap."""
    held = fill(total)
    pins = None  # what stays between the holes
    for _ in range(STRAY):
        pins = [pins, None]
    try:
        while True:  # in the one gap, so one after the other
            pins = [pins, bytearray(hole)]
    except MemoryError:
        pass
    rest = exhaust()
    pin = pins
    while pin:
        pin[1] = None
        pin = pin[0]
    gc.collect()
    return held, pins, rest


def has_piece(size):
    """Whether there is a free piece of so many bytes."""
    try:
        return bool(bytearray(size))
    except MemoryError:
        return False


def smallest(works, step):
    """The smallest multiple of step for which it works: found by doubling, then by halving."""
    low, high = 0, 1
    while not works(high * step):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if works(middle * step):
            high = middle
        else:
            low = middle
    return high * step
