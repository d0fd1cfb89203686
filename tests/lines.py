"""Which lines of a module MicroPython runs. It has no sys.settrace here, so the module is imported
from a copy in which each statement comes after a mark of its own: `_ran[LINE] = 1`."""

import ast
import os
import re
from pathlib import Path

import coverage

_RAN = """
import sys
ran = bytearray({size})
def save():
    with open({file!r}, "ab") as file:
        file.write(ran)
sys.atexit(save)
"""


class MarkedCopy:
    """A marked copy of the module at source, in folder, which has to come first on sys.path."""

    def __init__(self, source, folder):
        self.source = Path(source)
        self.folder = Path(folder)
        self.path = self.folder / self.source.name
        self._ran = self.folder / "ran"
        tree = ast.parse(self.source.read_text())
        for node in list(ast.walk(tree)):
            for name in ("body", "orelse", "finalbody"):
                if isinstance(getattr(node, name, None), list):
                    setattr(node, name, _marked(getattr(node, name)))
            if isinstance(node, ast.ExceptHandler):
                node.body.insert(0, _mark(node))
        tree.body.insert(1, *ast.parse("from ran import ran as _ran").body)
        self.path.write_text(ast.unparse(tree))
        self._size = len(self.source.read_text().splitlines()) + 1
        (self.folder / "ran.py").write_text(_RAN.format(size=self._size, file=str(self._ran)))

    def line(self, line):
        """Return the line of the source that the copy's is."""
        above = "\n".join(self.path.read_text().splitlines()[:line])
        return int(re.findall(r"_ran\[(\d+)]", above)[-1])

    def lines(self):
        """Return the lines that were run, as numbers."""
        ran = self._ran.read_bytes() if self._ran.exists() else b""
        return {at % self._size for at, flag in enumerate(ran) if flag}

    def save(self):
        """Write what was run to a file that --cov finds in the working folder."""
        data = coverage.CoverageData(suffix=f"micropython.{os.getpid()}")
        data.add_lines({str(self.source): self.lines()})
        data.write()


def _marked(block):
    marked = []
    for node in block:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        marked += [node] if is_docstring else [_mark(node), node]
    return marked


def _mark(node):
    return ast.parse(f"_ran[{node.lineno}] = 1").body[0]
