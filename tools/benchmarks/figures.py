"""A figure: what is measured, what it has to reach, and what others need. Tables of them."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tabulate import tabulate


@dataclass
class Figure:
    name: str
    at: str  # at which sizes, say: one for each number
    at_most: tuple  # the target for each number; the last counts for all further ones
    measure: Callable  # of a board: a list of numbers
    beside: Callable = lambda board: {}  # of the board: more such lists, by name
    timed: bool = False  # times vary from run to run; what is counted doesn't
    reached: tuple = ()  # where the target is not met yet: what must not get worse

    def misses(self, board, at_most=()):
        """Return the (measured, target) that are not met."""
        numbers = self.measure(board)
        at_most = at_most or self.at_most
        targets = at_most + at_most[-1:] * len(numbers)
        return [pair for pair in zip(numbers, targets, strict=False) if pair[0] > pair[1]]

    def met(self, board):
        return "NO" if self.misses(board) else "yes"

    def row(self, board):
        beside = "; ".join(f"{name}: {text(some)}" for name, some in self.beside(board).items())
        numbers = text(self.measure(board))
        return [self.name, self.at, text(self.at_most), numbers, self.met(board), beside]


HEADS = ["figure", "at", "at most", "measured", "met", "beside it"]


def text(numbers):
    """Numbers as a reader wants them: counts as they are, others with about three digits."""
    return " / ".join(map(one, numbers))


def one(number):
    if number is None:
        return ""
    if isinstance(number, int) or number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def table(heads, rows):
    """Return a table in Markdown; all but its first column are on the right."""
    alignment = ["left"] + ["right"] * (len(heads) - 1)
    # No numbers to parse: they are text already.
    return tabulate(rows, heads, "pipe", colalign=alignment, disable_numparse=True)


def figures_table(figures, board):
    count_side_by_side(figures, board)
    return table(HEADS, [figure.row(board) for figure in figures])


def count_side_by_side(figures, board):
    """Measure what is counted on all cores; what takes time is measured alone, later."""
    side_by_side(lambda figure: figure.row(board), [f for f in figures if not f.timed])


def side_by_side(function, items):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(function, items))
