"""Makes of each behaviour test, a `test_x(path)` in tests/, one test for every runtime there is:
test_x[cpython], and on the real MicroPython test_x[littlefs], test_x[fat] and test_x[host]."""

import functools
import signal
import tempfile
from pathlib import Path

import coverage
import pytest

import interpreter
import lines
import support
import tracebacks

# A shell makes background programs ignore Ctrl-C, and what the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
COPY = pytest.StashKey()


@functools.cache
def file_systems():
    """Those of the interpreter, asked of itself: it may be any that $MICROPYTHON names."""
    return interpreter.ask("import board; print(*board.file_systems())").split()


def pytest_addoption(parser):
    parser.addoption(
        "--only-micropython", action="store_true", help="leave out the behaviours on CPython"
    )


def pytest_report_header():
    about = interpreter.about()
    return [
        f"micropython: {about.version}, {about.bits} bits, floats of {about.float_bits}, "
        f"{'with' if about.has_threads else 'without'} threads, on {', '.join(file_systems())}: "
        f"{interpreter.find()}",
    ]


@pytest.hookimpl(trylast=True)  # so that --cov has begun
def pytest_sessionstart(session):
    # With --cov the lines that MicroPython runs are counted too.
    if coverage.Coverage.current():
        folder = tempfile.TemporaryDirectory()
        session.config.add_cleanup(folder.cleanup)
        source = interpreter.ROOT / "MicroTetherDB.py"
        session.config.stash[COPY] = lines.MarkedCopy(source, folder.name)


@pytest.hookimpl(wrapper=True, trylast=True)  # before --cov combines what was counted
def pytest_runtestloop(session):
    result = yield
    if COPY in session.config.stash:
        session.config.stash[COPY].save()
    return result


def pytest_terminal_summary(terminalreporter):
    """Print what the sweeps, and other tests that count, have tried."""
    for report in terminalreporter.stats.get("passed", []):
        recorded = dict(report.user_properties)
        if "tried" in recorded:
            terminalreporter.write_line(f"{report.nodeid}: {recorded['tried']}")


def pytest_generate_tests(metafunc):
    if metafunc.definition.path.parent == TESTS:
        metafunc.parametrize("path", ["cpython"], indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem(collector, name, obj):
    items = yield
    if collector.path.parent != TESTS or not isinstance(items, list):
        return items
    wanted = getattr(obj, "only", ["cpython", "micropython"])
    needs = getattr(obj, "needs", None)
    if needs and not getattr(interpreter.about(), needs):
        wanted = ["cpython"]
    on_cpython = "cpython" in wanted and not collector.config.getoption("--only-micropython")
    return (items if on_cpython else []) + [
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
            error = tracebacks.raised_like(str(excinfo.value), self.place)
            excinfo = pytest.ExceptionInfo.from_exception(error)
        return super().repr_failure(excinfo)

    def place(self, file, line):
        """Return the place in the sources of a place in what MicroPython has run."""
        copy = self.config.stash.get(COPY, None)
        if copy and file == str(copy.path):
            return str(copy.source), copy.line(line)
        return file, line

    def reportinfo(self):
        return self.path, self.obj.__code__.co_firstlineno - 1, self.name
