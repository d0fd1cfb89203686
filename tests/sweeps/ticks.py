"""tick() is called at every branch of the copy of the module that ctrl_c.py makes."""

count = 0
strike_at = -1  # the number of the call that raises


def tick(value=None):
    global count
    count += 1
    if count == strike_at:
        raise KeyboardInterrupt
    return value
