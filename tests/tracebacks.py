"""What failed on MicroPython, as if it had failed here."""

import ast
import builtins
import re
from pathlib import Path


def raised_like(traceback, place=lambda file, line: (file, line)):
    """Return an exception like that of a MicroPython traceback, a text without its first line.

    Its own traceback leads through the same lines of the same files, so that pytest shows it as it
    shows any other. place(file, line) tells what to show instead of each.
    """
    places = re.match(r'(?:  File ".+\n)*', traceback).group()
    name, _, text = traceback[len(places) :].strip().partition(":")
    kind = getattr(builtins, name, None) or type(name, (Exception,), {})
    frames = re.findall(r'File "(.+)", line (\d+)(?:, in (.+))?', places)
    frames = [frame for frame in frames if not frame[0].endswith("tests/board.py")] or frames

    def call():
        raise kind(*([text.strip()] if text.strip() else []))

    for file, line, function in reversed(frames):
        call = placed(*place(file, int(line)), function or "<module>", call)
    try:
        call()
    except kind as error:
        # Without this function and the innermost call().
        links = []
        link = error.__traceback__.tb_next
        while link.tb_next:
            links.append(link)
            link = link.tb_next
        links[-1].tb_next = None
        return error.with_traceback(links[0])


def placed(file, line, function, call):
    """Return a function that calls call(), as if it did so in that line of that function."""
    first = min(line, start_of_function(file, line))
    tree = ast.parse("def f(): call()")
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            node.lineno = node.end_lineno = first if node in tree.body else line
            node.col_offset = node.end_col_offset = -1  # MicroPython tells no columns
    names = {"call": call}
    exec(compile(tree, file, "exec"), names)
    names["f"].__code__ = names["f"].__code__.replace(co_name=function)
    return names["f"]


def start_of_function(file, line):
    """Return the line where the innermost function around line begins, or else line."""
    try:
        tree = ast.parse(Path(file).read_bytes())
    except OSError:
        return line
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    around = [node.lineno for node in functions if node.lineno <= line <= node.end_lineno]
    return max(around, default=line)
