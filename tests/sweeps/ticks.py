"""tick() is called at every branch of the copy of the module that ctrl_c.py makes."""

count = 0
strike_at = -1  # the number of the call that raises
sweep = None  # whose step it is, while it is noted when each branch comes
first = {}  # branch and kind of step: the number of its first call there


def tick(branch, value=None):
    global count
    count += 1
    if sweep:
        first.setdefault((branch, sweep.step[0]), count)
    if count == strike_at:
        raise KeyboardInterrupt
    return value
