"""A second program, and a forked child: refused, and told who has the database open."""

import os
import subprocess
import sys
import tempfile

import pytest

import interpreter
from MicroTetherDB import MicroTetherDB
from support import after_a_crash

module = sys.modules["MicroTetherDB"]

# CPython 3.15 counts the thread by which pytest ends a test that hangs.
pytestmark = pytest.mark.filterwarnings("ignore:.*is multi-threaded:DeprecationWarning")

TRY = """
import sys
sys.path.insert(0, sys.argv[1])
from MicroTetherDB import MicroTetherDB
try:
    with MicroTetherDB(sys.argv[2]) as db:
        db["second"] = 1
except OSError as error:
    print("refused:", error)
"""


def second_program(path):
    command = [sys.executable, "-c", TRY, str(interpreter.ROOT), path]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert not process.stderr
    return process.stdout


def test_a_second_program_is_refused_and_told_which_has_it_open(path):
    with MicroTetherDB(path) as db:
        db["first"] = 1
        told = second_program(path)
        assert told.startswith("refused:") and str(os.getpid()) in told and path in told
        db["first"] = 2
    assert not os.path.exists(path + ".lock")
    assert second_program(path) == ""
    with MicroTetherDB(path) as db:
        assert dict(db) == {"first": 2, "second": 1}


HOLD = """
import sys
sys.path.insert(0, sys.argv[1])
from MicroTetherDB import MicroTetherDB
with MicroTetherDB(sys.argv[2]) as db:
    db["second"] = 1
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(not module.flock, reason="there is no flock here")
def test_files_of_a_database_that_a_second_program_has_open_are_left_alone(path):
    suffixes = (".tip", ".log", ".tmp", ".lock")
    pipe = subprocess.PIPE
    with MicroTetherDB("mine.db") as mine:
        for its, shared in [("", suffix) for suffix in suffixes] + [(s, "") for s in suffixes[:3]]:
            command = [sys.executable, "-c", HOLD, str(interpreter.ROOT), path + its]
            with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
                assert process.stdout.readline() == "open\n"
                before = sorted(os.listdir())
                for use in (mine.backup, MicroTetherDB):
                    with pytest.raises(ValueError, match="is open in another process"):
                        use(path + shared)
                assert sorted(os.listdir()) == before
                assert after_a_crash(path + its) == {"second": 1}
            os.remove(path + its)
        mine.backup(path + ".tip")  # nobody has it open now
    assert os.path.exists(path + ".tip")


def test_a_program_that_was_killed_locks_nobody_out(path):
    child = "import os, sys; sys.path.insert(0, sys.argv[1]); import MicroTetherDB as m; "
    child += "db = m.MicroTetherDB(sys.argv[2]); db['a'] = 1; os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", child, str(interpreter.ROOT), path], timeout=60)
    assert os.path.exists(path + ".lock")
    with MicroTetherDB(path) as db:
        assert dict(db) == {"a": 1}
    assert os.listdir() == ["my.db"]


@pytest.mark.skipif(not module.flock, reason="there is no flock here")
def test_who_is_refused_before_the_other_has_told_its_number_is_told_so(path):
    with open(path + ".lock", "wb") as claim:  # of a program that is just opening it
        module.flock(claim, module.LOCK_EX)
        with pytest.raises(OSError, match="is open in another process"):
            MicroTetherDB(path)
    MicroTetherDB(path).close()


def test_a_failed_opening_claims_nothing(path):
    for _ in range(2):
        with open(path, "wb") as file:
            file.write(b"no json")
        with pytest.raises(ValueError, match="my.db"):
            MicroTetherDB(path)
    os.remove(path)
    assert second_program(path) == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_cannot_use_the_parents_database(path):
    with MicroTetherDB(path) as db:
        db["a"] = 1
        reader, writer = os.pipe()
        if os.fork() == 0:
            try:
                db["child"] = 1
            except ValueError as error:
                os.write(writer, str(error).encode())
            os._exit(0)
        os.close(writer)
        with open(reader, "rb") as pipe:
            told = pipe.read().decode()
        os.wait()
        assert "parent" in told and path in told
        assert second_program(path).startswith("refused:")  # the claim is the parent's still
        db["b"] = 2
    with MicroTetherDB(path) as db:
        assert dict(db) == {"a": 1, "b": 2}


FORK_IN_OPENING = """
import os, sys
sys.path.insert(0, sys.argv[1])
from MicroTetherDB import MicroTetherDB
read_all = MicroTetherDB._read_all

def fork_too(*args):
    if os.fork() == 0:
        print("forked", flush=True)
        sys.stdin.read()  # it lives on
        os._exit(0)
    read_all(*args)

MicroTetherDB._read_all = fork_too
db = MicroTetherDB(sys.argv[2])
db["a"] = 1
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_that_is_forked_while_a_database_is_opened_keeps_no_claim(path):
    command = [sys.executable, "-c", FORK_IN_OPENING, str(interpreter.ROOT), path]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        process.wait(60)
        assert process.stdout.readline() == "forked\n"
        with MicroTetherDB(path) as db:
            assert dict(db) == {"a": 1}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_that_is_forked_in_the_middle_of_a_write_can_open_others(path, monkeypatch):
    reader, writer = os.pipe()
    parent = os.getpid()
    fsync = module._fsync

    def fork_too(file):
        monkeypatch.setattr(module, "_fsync", fsync)
        os.fork()
        fsync(file)

    db = MicroTetherDB(path)
    monkeypatch.setattr(module, "_fsync", fork_too)
    try:
        db["a"] = 1
        if os.getpid() != parent:
            with MicroTetherDB("other.db") as other:
                other["b"] = 2
            os.write(writer, b"works")
    except BaseException as error:
        os.write(writer, repr(error).encode())
    if os.getpid() != parent:
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        assert pipe.read() == b"works"
    os.wait()
    db["c"] = 3
    assert after_a_crash(path) == {"a": 1, "c": 3}
    assert MicroTetherDB("other.db") == {"b": 2}


def test_where_nothing_can_be_written_a_database_can_be_read(path):
    if os.geteuid() == 0:
        pytest.skip("root can write anywhere")
    with MicroTetherDB(path) as db:
        db["a"] = 1
    os.chmod(".", 0o555)
    try:
        db = MicroTetherDB(path)
        assert db["a"] == 1
        db.close()
    finally:
        os.chmod(".", 0o755)


def as_nobody(function, *args):
    """Call a function in a child process of a user who owns nothing; return what it has told."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            os.setgid(65534)
            os.setuid(65534)
            told = repr(function(*args))
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
        os.write(writer, told.encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        told = pipe.read().decode()
    os.wait()
    return told


def read_as_nobody(path):
    with MicroTetherDB(path) as db:
        return dict(db)


@pytest.mark.skipif(os.name != "posix" or os.geteuid(), reason="only root can be another user")
def test_a_program_that_cannot_write_there_is_refused_too():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = folder + "/my.db"
        with MicroTetherDB(path) as db:
            db["a"] = 1
            assert f"is open in process {os.getpid()}" in as_nobody(read_as_nobody, path)
            db["a"] = 2
        assert as_nobody(read_as_nobody, path) == "{'a': 2}"
        with open(path + ".lock", "w") as file:  # as a program that was killed has left it
            file.write("1234")
        assert as_nobody(read_as_nobody, path) == "{'a': 2}"
        assert sorted(os.listdir(folder)) == ["my.db", "my.db.lock"]
        with MicroTetherDB(path) as db:
            assert dict(db) == {"a": 2}


def write_as_nobody(path):
    db = MicroTetherDB(path)
    try:
        db["a"] = 2
    finally:
        db.close()


@pytest.mark.skipif(os.name != "posix" or os.geteuid(), reason="only root can be another user")
@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_who_may_not_write_the_file_cannot_change_it_though_the_folder_is_everybodys(mode):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, mode)
        path = folder + "/my.db"
        with MicroTetherDB(path) as db:
            db["a"] = 1
        told = as_nobody(write_as_nobody, path)
        assert "PermissionError" in told and "read-only" in told and path in told
        assert os.listdir(folder) == ["my.db"]
        with MicroTetherDB(path) as db:
            assert dict(db) == {"a": 1}
            db["a"] = 3
        assert os.stat(path).st_uid == os.getuid()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="there is no /proc here")
def test_where_no_lock_can_be_made_opening_fails_at_once(path):
    with MicroTetherDB(path) as db:
        for use in MicroTetherDB, db.backup:
            with pytest.raises(OSError, match="/proc/my.db"):
                use("/proc/my.db")
        db["a"] = 1


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: os.symlink("elsewhere", path)])
def test_what_is_no_file_at_the_place_of_a_lock_is_refused(path, make):
    make(path + ".lock")
    with pytest.raises(ValueError, match="my.db.lock is not a database's lock file"):
        MicroTetherDB(path)
    assert os.listdir() == ["my.db.lock"]


def test_a_backup_onto_a_database_that_another_program_has_open_is_refused(path):
    with MicroTetherDB(path) as db:
        db["acknowledged"] = 1
        backup = "import sys; sys.path.insert(0, sys.argv[1]); import MicroTetherDB as m\n"
        backup += "m.MicroTetherDB('other.db').backup(sys.argv[2])"
        command = [sys.executable, "-c", backup, str(interpreter.ROOT), path]
        process = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert f"is open in process {os.getpid()}" in process.stderr
        db["more"] = 2
    with MicroTetherDB(path) as db:
        assert dict(db) == {"acknowledged": 1, "more": 2}
