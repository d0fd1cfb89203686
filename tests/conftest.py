"""Makes of each behaviour test, a `test_x(path)` in tests/, one test for every runtime there is:
test_x[cpython], and on the real MicroPython test_x[littlefs], test_x[fat] and test_x[host]."""

import ast
import builtins
import functools
import re
import tempfile
from pathlib import Path

import coverage
import pytest

import interpreter
import lines
import support

TESTS = Path(__file__).parent
COPY = pytest.StashKey()


@functools.cache
def file_systems():
    """Those of the interpreter, asked of itself: it may be any that $MICROPYTHON names."""
    process = interpreter.run("-c", "import board; print(*board.file_systems())")
    if process.returncode:
        raise RuntimeError(process.stdout + process.stderr)
    return process.stdout.split()


def pytest_report_header():
    process = interpreter.run("-c", "import sys; print(sys.version, sys.maxsize)")
    *version, maxsize = process.stdout.split()
    return [
        f"micropython: {' '.join(version)}, {int(maxsize).bit_length() + 1} bits, "
        f"with {', '.join(file_systems())}: {interpreter.find()}"
    ]


def pytest_configure(config):
    # Under `coverage run` the lines that MicroPython runs are counted too.
    if coverage.Coverage.current():
        folder = tempfile.TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        config.stash[COPY] = lines.MarkedCopy(interpreter.ROOT / "MicroTetherDB.py", folder.name)


def pytest_sessionfinish(session):
    if COPY in session.config.stash:
        session.config.stash[COPY].save()


def pytest_generate_tests(metafunc):
    if metafunc.definition.path.parent == TESTS:
        metafunc.parametrize("path", ["cpython"], indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(collector, name, obj):
    items = yield
    if collector.path.parent != TESTS or not isinstance(items, list):
        return items
    wanted = getattr(obj, "only", ["cpython", "micropython"])
    return (items if "cpython" in wanted else []) + [
        OnMicroPython.from_parent(collector, name=f"{name}[{runtime}]", obj=obj, runtime=runtime)
        for runtime in file_systems()
        if support.runs_on(runtime, wanted)
    ]


@pytest.fixture
def path(tmp_path, monkeypatch):
    """Where a behaviour test makes its database: in an empty folder, which it runs in."""
    monkeypatch.chdir(tmp_path)
    return str(tmp_path / "my.db")


class Failed(Exception):
    """A test has failed on MicroPython; the text is the traceback."""


class OnMicroPython(pytest.Item):
    """A test that board.py runs in an interpreter of its own."""

    def __init__(self, *, obj, runtime, **kwargs):
        super().__init__(**kwargs)
        self.obj = obj
        self.runtime = runtime

    def runtest(self):
        args = [TESTS / "board.py", self.runtime, self.path.stem, self.obj.__name__]
        if self.runtime == "host":
            args.append(self.config._tmp_path_factory.mktemp(self.obj.__name__))
        copy = self.config.stash.get(COPY, None)
        process = interpreter.run(*args, first=copy and copy.folder, timeout=120)
        other, start, traceback = process.stderr.rpartition("Traceback (most recent call last):\n")
        self.add_report_section("call", "stdout", process.stdout)
        self.add_report_section("call", "stderr", other)
        if process.returncode == 1 and start:
            raise Failed(traceback)
        if process.returncode:
            how = f"MicroPython ended with status {process.returncode} (a signal, if negative)"
            raise pytest.fail.Exception(f"{how}\n{process.stderr}", pytrace=False)

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, Failed):
            copy = self.config.stash.get(COPY, None)
            error = raised_like(str(excinfo.value), copy)
            excinfo = pytest.ExceptionInfo.from_exception(error)
        return super().repr_failure(excinfo)

    def reportinfo(self):
        return self.path, self.obj.__code__.co_firstlineno - 1, self.name


def raised_like(traceback, copy):
    """Return an exception like that of a MicroPython traceback. Its own traceback leads through
    the same lines of the same files, so that pytest shows it as it shows any other."""
    places = re.match(r'(?:  File ".+\n)*', traceback).group()
    name, _, text = traceback[len(places) :].strip().partition(":")
    kind = getattr(builtins, name, None) or type(name, (Exception,), {})
    frames = re.findall(r'File "(.+)", line (\d+)(?:, in (.+))?', places)
    frames = [frame for frame in frames if frame[0] != str(TESTS / "board.py")] or frames

    def call():
        raise kind(*([text.strip()] if text.strip() else []))

    for file, line, function in reversed(frames):
        line = int(line)
        if copy and file == str(copy.path):
            file, line = str(copy.source), copy.line(line)
        call = placed(file, line, function or "<module>", call)
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
