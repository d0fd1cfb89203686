"""Values, and what they are compared with: for the behaviours and the sweeps, on any runtime."""


class Oops(Exception):
    """What goes wrong in a test's block."""


# Loops, since a comprehension is a call of its own: too deep for a board's stack.


def content(db):
    """The data of a database, or of any value: a copy of it."""
    if hasattr(db, "keys"):
        copy = {}
        for key in db:
            copy[key] = content(db[key])
        return copy
    if isinstance(db, list):
        copy = []
        for item in db:
            copy.append(content(item))
        return copy
    return db


def same(a, b):
    """Whether a and b are equal and of equal types, at any depth; -0.0 is not 0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (dict, list)):
        if len(a) != len(b):
            return False
        for key in a if isinstance(a, dict) else range(len(a)):
            if isinstance(b, dict) and key not in b or not same(a[key], b[key]):
                return False
        return True
    return a == b and (not isinstance(a, float) or str(a) == str(b))
