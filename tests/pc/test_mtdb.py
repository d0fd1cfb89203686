"""tools/mtdb.py: every command, on a local file and on a board, damage, and the plug pulled."""

import fcntl
import io
import itertools
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import emulator
import pytest
from pseudo_board import Board

import interpreter
from MicroTetherDB import MicroTetherDB
from mtdb_tools import cable, database_files, mtdb, places
from mtdb_tools.command import attempt

TOOL = interpreter.ROOT / "tools" / "mtdb.py"
MODULE = interpreter.ROOT / "MicroTetherDB.py"


OPEN = """
from MicroTetherDB import MicroTetherDB
db = MicroTetherDB('my.db')
"""


def main(*args):
    """Run mtdb.py in this process; return its exit status."""
    return attempt("mtdb", lambda: mtdb.main([str(arg) for arg in args]))


class Local:
    """A database on this PC."""

    def __init__(self, folder):
        self.folder = folder
        self.name = str(folder / "my.db")

    def run(self, code):
        """Run code that has the database as db, and leaves it as a reset does."""
        script = (
            f"import os\nfrom MicroTetherDB import MicroTetherDB\nos.chdir({str(self.folder)!r})"
        )
        process = interpreter.run("-c", f"{script}\ndb = MicroTetherDB('my.db')\n{code}")
        assert process.returncode == 0, process.stderr
        return process.stdout

    def files(self):
        return {file.name for file in self.folder.iterdir()}


class OnBoard:
    """The same on a board."""

    def __init__(self, board):
        self.board = board
        self.name = ":my.db"
        board.mpremote("cp", MODULE, ":")

    def run(self, code):
        return self.board.mpremote("exec", OPEN + code)

    def files(self):
        return set(self.board.files()) - {MODULE.name}


@pytest.fixture(params=["pc", "board"])
def place(request, tmp_path):
    if request.param == "pc":
        folder = tmp_path / "pc"
        folder.mkdir()
        return Local(folder)
    return OnBoard(request.getfixturevalue("board"))


@pytest.fixture
def tool(place, capsys, monkeypatch):
    """Run mtdb.py on the place's database; return what it prints. It must end with status."""

    def tool(command, *args, status=0, input=""):
        stdin = io.TextIOWrapper(io.BytesIO(input.encode()))
        monkeypatch.setattr(sys, "stdin", stdin)
        port = ["--port", place.board.port] if isinstance(place, OnBoard) else []
        assert main(*port, command, place.name, *args) == status
        out, err = capsys.readouterr()
        assert len(err.splitlines()) == (1 if status in (1, 3) else 0), err
        return err or out

    return tool


# Every command, everywhere.


def test_there_is_no_database(place, tool):
    for command in ["list"], ["get", "x"], ["delete", "x"], ["dump"], ["check"], ["fold"]:
        assert "there is no database" in tool(*command, status=1)
    assert place.files() == set()


def test_set_get_list_delete(place, tool):
    tool("set", "user1", '{"name": "J\\u00f6rg \U0001f600", "age": 31}')
    assert json.loads(tool("get", "user1")) == {"name": "Jörg \U0001f600", "age": 31}
    tool("set", "note", "--text", "31")
    assert tool("get", "note") == '"31"\n'
    tool("set", "note", "31")
    assert tool("get", "note") == "31\n"
    assert sorted(tool("list").split()) == ["note", "user1"]
    tool("delete", "note", "user1")
    assert tool("list") == ""
    assert place.files() == {"my.db"}
    assert place.run("print(len(db))") == "0\n"


def test_what_cannot_be_done(place, tool):
    tool("set", "a", "1")
    assert 'no key "b"' in tool("get", "b", status=1)
    assert 'no key "b"' in tool("delete", "a", "b", status=1)
    assert "not valid JSON" in tool("set", "a", "{", status=1)
    assert "no number NaN" in tool("set", "a", "NaN", status=1)
    assert 'db["a"]: can\'t store nan' in tool("load", status=1, input='{"a": NaN}')
    assert "line 2" in tool("load", status=1, input='{"a": 2}\n{"a":\n')
    assert "line 1" in tool("load", status=1, input="7\n")
    assert "No such file" in tool("load", "not-there.json", status=1)
    assert tool("dump") == '{\n"a": 1\n}\n'


def test_load_and_dump(place, tool, tmp_path):
    tool("load", input='["a", 1]\n\n{"b": [2], "c": "\u2028"}\n')
    everything = tool("dump")
    assert json.loads(everything) == {"a": 1, "b": [2], "c": "\u2028"}
    (tmp_path / "more.json").write_text('{\n"c": 3,\n"d": null\n}\n')
    tool("load", str(tmp_path / "more.json"))
    assert json.loads(tool("dump")) == {"a": 1, "b": [2], "c": 3, "d": None}
    assert place.run("print(db['d'], db['c'])") == "None 3\n"


def test_a_dump_to_a_file_replaces_the_one_before_once_all_is_read(place, tool, tmp_path):
    backup = tmp_path / "backup.json"
    assert "there is no database" in tool("dump", str(backup), status=1)
    assert not backup.exists()
    for data in {"a": 1, "b": [2]}, {"b": 3}:
        tool("load", input=json.dumps(data))
        everything = json.loads(tool("dump"))
        assert tool("dump", str(backup)) == f"2 keys saved to {backup}\n"
        assert json.loads(backup.read_bytes()) == everything
    damage(place)
    saved = backup.read_bytes()
    assert "damaged" in tool("dump", str(backup), status=3)
    assert backup.read_bytes() == saved
    for path, why in (
        (":backup.json", "a path on this PC"),
        (str(tmp_path), "a folder"),
        (str(tmp_path / "no" / "backup.json"), "there is no folder"),
    ):
        assert why in tool("dump", path, status=1)
    assert [path.name for path in tmp_path.glob("backup*")] == ["backup.json"]


def test_reading_changes_nothing(place, tool):
    place.run("db.flush()\nfor n in range(30): db['k%d' % n] = 'value %d' % n")
    before = place.files()
    assert "my.db.tip" in before
    state = [tool("check")]
    assert len(tool("list").split()) == 30
    tool("get", "k7")
    tool("dump")
    state.append(tool("check"))
    assert state[0] == state[1]
    assert place.files() == before


def test_fold_and_check(place, tool):
    place.run("db.flush()\ndb['a'] = 1\ndb['b'] = 2")
    report = tool("check")
    assert "my.db.tip: " in report and "live, 2 records" in report and "All is well" in report
    tool("fold")
    assert place.files() == {"my.db"}
    report = tool("check")
    assert "sealed" in report and "2 keys" in report and "my.db.tip" not in report
    assert json.loads(tool("dump")) == {"a": 1, "b": 2}


def test_a_file_of_another_program(place, tool):
    tool("set", "a", "1")
    place.run("del db\nf = open('my.db', 'w')\nf.write('{\"b\": [1,\\n2]}')\nf.close()")
    assert "not sealed" in tool("check")
    tool("set", "c", "3")
    assert json.loads(tool("dump")) == {"b": [1, 2], "c": 3}
    assert "not sealed" not in tool("check")


def damage(place):
    place.run("db.close()")
    place.run("del db\nf = open('my.db', 'r+b')\nf.seek(4)\nf.write(b'#')\nf.close()")


def test_damaged(place, tool):
    place.run("db['a'] = 1")
    damage(place)
    for command in ["list"], ["get", "a"], ["set", "a", "1"], ["delete", "a"], ["dump"], ["fold"]:
        assert f"{place.name} is damaged" in tool(*command, status=3)
    assert "damaged" in tool("check", status=3)


# The command line itself.


def run(*args, python=(sys.executable,), **options):
    command = [*python, TOOL, *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def test_help_teaches_by_example():
    text = run("--help").stdout
    assert "mtdb.py set :my_database.db user1" in text
    assert "exit status:" in text


def test_wrong_usage():
    assert run().returncode == 2
    assert run("get", "my.db").returncode == 2


def test_no_such_port():
    process = run("list", ":my.db", "--port", "/dev/not-there")
    assert process.returncode == 1
    assert "there is no port /dev/not-there" in process.stderr
    assert len(process.stderr.splitlines()) == 1


def test_it_needs_nothing_installed_for_a_local_file(tmp_path):
    python = [sys.executable, "-S"]
    process = run("load", "my.db", python=python, cwd=tmp_path, input='{"a": 1}')
    assert (process.returncode, process.stderr) == (0, "")
    assert run("get", "my.db", "a", python=python, cwd=tmp_path).stdout == "1\n"


def test_a_long_load_shows_a_progress_bar(tmp_path):
    lines = "".join(f'["key {n}", {n}]\n' for n in range(2000))
    screen, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("4H", 25, 80, 0, 0))
    run("load", "my.db", cwd=tmp_path, input="{}")
    command = [sys.executable, TOOL, "load", tmp_path / "my.db"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=end)
    assert process.communicate(lines.encode(), timeout=120) == (b"2,000 loaded\n", None)
    os.close(end)
    assert b"/2000 [" in os.read(screen, 100_000)
    os.close(screen)


# What check says of the files.


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The path of a database with 60 keys in X, and others in X.log and X.tip, a record each."""
    monkeypatch.setattr(MicroTetherDB, "TIP_SIZE", 448)
    path = str(tmp_path / "my.db")
    with MicroTetherDB(path) as db:
        db.update({f"key {n}": "some text" for n in range(60)})
    db = MicroTetherDB(path)
    for n in itertools.count(60):
        db[f"key {n}"] = "some text"
        records = count_records(path)
        if records.get(".log", 0) > 9 and records[".tip"] > 1:
            return path


def count_records(path):
    return {end: journal.records for end, journal in database_files.read_journals(path).items()}


def check(path, capsys):
    status = main("check", path)
    return status, capsys.readouterr().out


def test_check_counts_the_records_that_opening_finds(files, tmp_path):
    """Cut off anywhere, or with any byte changed: what check says agrees with what is there."""
    states = set()
    for name, change in itertools.product((".log", ".tip"), ("cut", "flip")):
        data = Path(files + name).read_bytes()
        for at in range(0, len(data), 3 if name == ".tip" else 11):
            cut = data[:at] if change == "cut" else data[:at] + b"~" + data[at + 1 :]
            Path(files + name).write_bytes(cut)
            journal = database_files.read_journals(files)[name]
            records = sum(count_records(files).values())
            copy = str(tmp_path / f"copy{name}{change}{at}")
            for end in database_files.sums(files):
                shutil.copy(files + end, copy + end)
            states.add(journal.state)
            try:
                with MicroTetherDB(copy) as db:
                    assert len(db) == 60 + records, (name, change, at, journal)
            except ValueError:
                states.add("refused")
        Path(files + name).write_bytes(data)
    assert states == {"live", "stale", "torn", "damaged", "refused"}


def test_check_live(files, capsys):
    status, output = check(files, capsys)
    assert status == 0 and " bytes, sealed\n" in output
    records = count_records(files)
    for end in records:
        size = os.path.getsize(files + end)
        assert f"my.db{end}: {size:,} bytes, live, {records[end]} records" in output
    assert f"{60 + sum(records.values())} keys" in output


def test_check_stale(files, capsys):
    keep = [(end, Path(files + end).read_bytes()) for end in (".log", ".tip")]
    MicroTetherDB(files).close()
    for end, data in keep:  # as after a fold that was cut after its rename
        Path(files + end).write_bytes(data)
    status, output = check(files, capsys)
    assert status == 0
    assert output.count("stale, 0 records") == 2


def test_check_torn(files, capsys):
    records = sum(count_records(files).values())
    data = Path(files + ".tip").read_bytes().rstrip()  # without padding
    Path(files + ".tip").write_bytes(data[:-5])
    before = database_files.sums(files)
    status, output = check(files, capsys)
    assert status == 4
    assert "torn" in output and f"{60 + records - 1} keys" in output
    assert database_files.sums(files) == before
    assert main("fold", files) == 0
    assert check(files, capsys)[0] == 0


def test_check_does_not_promise_what_it_cannot_know(files, capsys):
    """The last write may have been acknowledged, and damaged later."""
    data = Path(files + ".tip").read_bytes().rstrip()
    Path(files + ".tip").write_bytes(data[:-20] + b"~" + data[-19:] + b"\n")
    status, output = check(files, capsys)
    assert status == 4
    assert f"the last write to {files}.tip is not whole: it was cut off before it" in output
    assert "or damaged later and is lost" in output


def test_what_check_calls_damaged_it_does_not_call_well(files, capsys):
    """Neither beside the X that the journal continues, nor where it is stale."""
    before = {end: Path(files + end).read_bytes() for end in ("", ".log", ".tip")}
    MicroTetherDB(files).close()
    statuses = set()
    for main_file, end in itertools.product((before[""], Path(files).read_bytes()), before):
        data = before[end]
        for at in range(0, len(data.rstrip()) + 99, 31) if end else ():  # some padding, too
            Path(files).write_bytes(main_file)
            for name in (".log", ".tip"):
                Path(files + name).write_bytes(before[name])
            Path(files + end).write_bytes(data[:at] + b"~" + data[at + 1 :])
            status, output = check(files, capsys)
            assert status == 3 or "damaged, " not in output
            assert ("All is well" in output) == (status == 0)
            statuses.add(status)
    assert statuses == {3, 4}


def test_check_does_not_call_a_journal_stale_if_it_cannot_be_told(files, capsys):
    """Neither all of it, where X is damaged, nor the tip, where the log is."""
    data = Path(files).read_bytes()
    Path(files).write_bytes(data.replace(b"some", b"same", 1))
    status, output = check(files, capsys)
    assert status == 3 and "wrongly sealed" in output
    assert output.count("bytes, whether it counts can't be told\n") == 2 and "stale" not in output
    Path(files).write_bytes(data)
    data = Path(files + ".log").read_bytes()
    Path(files + ".log").write_bytes(data[:60] + b"~" + data[61:])
    status, output = check(files, capsys)
    assert status == 3
    assert output.count("bytes, whether it counts can't be told\n") == 1 and "stale" not in output


def test_check_calls_no_seal_wrong_that_opening_takes_for_none(tmp_path, capsys):
    """An editor on Windows has made CR LF of the newlines."""
    path = str(tmp_path / "my.db")
    assert main("set", path, "a", "1") == 0
    Path(path).write_bytes(Path(path).read_bytes().replace(b"\n", b"\r\n"))
    status, output = check(path, capsys)
    assert status == 0 and "bytes, not sealed\n1 key\nAll is well.\n" in output


def test_check_and_repair_agree_on_an_empty_file(tmp_path, capsys):
    path = tmp_path / "my.db"
    path.touch()
    assert main("check", path) == 3
    assert (
        f"{path} is empty, which no database is: what it may have held is lost"
        in capsys.readouterr().err
    )
    assert main("repair", path, tmp_path / "new.db") == 3
    Path(f"{path}.tmp").write_bytes(b"{\n")
    assert main("check", path) == main("repair", path, tmp_path / "new.db") == 3
    assert {file.name for file in tmp_path.iterdir()} == {"my.db", "my.db.tmp"}
    path.unlink()  # of a database that was being made
    assert main("check", path) == 4
    assert main("repair", path, tmp_path / "new.db") == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_check_tells_of_a_file_that_only_a_pc_can_read(encoding, tmp_path, capsys):
    path = tmp_path / "my.db"
    path.write_bytes('{"a": 1}'.encode(encoding))
    status, output = check(path, capsys)
    assert status == 4
    assert output.endswith(f"1 key\n{mtdb.NOT_PLAIN.format(path, 'is not UTF-8')}\n")
    process = interpreter.run("-c", OPEN, cwd=tmp_path)
    assert "can't be opened" in process.stdout + process.stderr


@pytest.mark.parametrize("number", ["1e300", "-1e39"])
def test_check_tells_of_a_number_that_most_boards_can_not_read(number, tmp_path, capsys):
    path = tmp_path / "my.db"
    path.write_text(f'{{"ä": [{number}]}}')
    for action in (lambda: None, lambda: main("set", path, "b", "3.4e38")):
        action()
        status, output = check(path, capsys)
        assert status == 4
        large = f'db["ä"] has the number {float(number)}'
        assert output.endswith(f"{mtdb.TOO_LARGE.format(large)}\n")
    main("delete", path, "ä")
    assert check(path, capsys)[0] == 0


def test_check_tells_of_a_key_that_is_there_twice(tmp_path, capsys):
    path = tmp_path / "my.db"
    path.write_text('{"a": 1,\n"a": 2}')
    status, output = check(path, capsys)
    assert status == 4
    assert output.endswith("1 key\n" + mtdb.TWICE.format(path, '"a"') + "\n")


def test_check_tells_what_a_board_refuses(tmp_path, capsys):
    path = tmp_path / "my.db"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    status, output = check(path, capsys)
    assert status == 4
    why = "begins with a UTF-8 byte order mark"
    assert output.endswith(f"1 key\n{mtdb.NOT_PLAIN.format(path, why)}\n")
    process = interpreter.run("-c", OPEN, cwd=tmp_path)
    assert "syntax error in JSON" in process.stdout + process.stderr
    path.write_bytes(path.read_text("utf-8-sig").encode())  # as it says
    assert check(path, capsys)[0] == 0


def test_check_damaged_journal(files, capsys):
    data = Path(files + ".log").read_bytes()
    Path(files + ".log").write_bytes(data[:60] + b"~" + data[61:])
    status, output = check(files, capsys)
    assert status == 3
    assert "damaged, 1 record\n" in output


def test_repair_saves_what_is_whole(files, tmp_path, capsys):
    with MicroTetherDB(files) as db:
        keys = dict(db)
    MicroTetherDB(files)["key 1"] = "newer"
    data = Path(files).read_bytes()
    at = data.index(b'"key 7"')
    Path(files).write_bytes(data[:at] + b"~" + data[at + 1 :])
    assert check(files, capsys)[0] == 3
    target = str(tmp_path / "repaired.db")
    assert main("repair", files, target) == 5
    assert main("repair", files, target) == 1  # it is there now
    del keys["key 7"]
    with MicroTetherDB(target) as db:
        assert dict(db) == {**keys, "key 1": "newer"}


def test_check_fold_that_was_cut(files, capsys):
    data = Path(files).read_bytes()
    Path(files + ".tmp").write_bytes(data[: len(data) // 2])
    status, output = check(files, capsys)
    assert status == 4
    assert "my.db.tmp" in output and "All is well" not in output


def test_check_rename_that_was_cut(files, capsys):
    with MicroTetherDB(files) as db:
        keys = len(db)
    os.rename(files, files + ".tmp")
    status, output = check(files, capsys)
    assert status == 4
    assert "missing or empty" in output and f"{keys} keys" in output


def test_check_lost_main_file(files, capsys):
    os.remove(files)
    assert check(files, capsys)[0] == 3


# A change on the board: safe whatever happens meanwhile.


def test_refused_if_the_board_has_changed_it_meanwhile(board):
    place = OnBoard(board)
    place.run("db['a'] = 1")
    there = places.There(cable.Board(board.port), "my.db")
    with pytest.raises(cable.Trouble, match="meanwhile"), there.change() as db:
        db["a"] = 2
        place.run("db['b'] = 3")
    assert place.run("print(db['a'], db['b'])") == "1 3\n"
    assert "my.db.tmp" not in place.files()


def test_no_room_on_the_board(pseudo_board, capsys):
    board = pseudo_board
    place = OnBoard(board)
    place.run(
        "db['a'] = 1\nimport os\nf = open('big', 'w')\nwhile os.statvfs('/')[3] > 6:\n"
        " f.write(1024 * 'x'); f.flush()\nf.close()"
    )
    text = json.dumps("y" * 30_000)
    assert main("--port", board.port, "set", ":my.db", "b", text) == 1
    text = capsys.readouterr().err
    mpremote = f"mpremote connect {board.port}"
    assert f"no room left on the board. Remove files that it doesn't need: {mpremote} ls" in text
    assert place.run("print(list(db.items()))") == "[('a', 1)]\n"
    assert "my.db.tmp" not in place.files()


@pytest.mark.skipif(not emulator.IS_BUILT, reason=emulator.HOW_TO_BUILD)
def test_a_number_that_is_too_large_for_the_board_is_refused(board, capsys):
    """Or the board's program couldn't open the database any more."""
    port = ["--port", board.port]
    assert main(*port, "set", ":my.db", "a", "3.4e38") == 0
    assert main(*port, "set", ":my.db", "b", '{"c": [-3.5e38]}') == 1
    text = 'mtdb: :my.db: db["b"] has the number -3.5e+38, too large for the board\n'
    assert capsys.readouterr().err == text
    assert main(*port, "dump", ":my.db") == 0
    assert json.loads(capsys.readouterr().out) == {"a": 3.4e38}


def test_a_board_is_asked_once_for_its_largest_number(pseudo_board, tmp_path, monkeypatch):
    board = pseudo_board
    file = tmp_path / "large.json"
    asked = []
    do = cable.Board.do

    def counting(self, *command, **options):
        asked.append(command)
        return do(self, *command, **options)

    monkeypatch.setattr(cable.Board, "do", counting)
    for data in ({"a": 1e300}, {"a": [1e300, -1e300], "b": 2e300, "c": 3e300}):
        file.write_text(json.dumps(data))
        assert main("--port", board.port, "load", ":my.db", file) == 0
        assert len([command for command in asked if "inf" in command[-1]]) == 1
        asked.clear()


@pytest.mark.parametrize("file_system", ["fat"])
def test_a_rename_that_was_cut_is_finished_first(pseudo_board, capsys):
    board = pseudo_board
    place = OnBoard(board)
    place.run("db['a'] = 1\ndb.close()\nimport os\nos.rename('my.db', 'my.db.tmp')")
    assert main("--port", board.port, "list", ":my.db") == 0
    assert capsys.readouterr().out == "a\n"
    assert place.files() == {"my.db.tmp"}  # reading changes nothing
    assert main("--port", board.port, "set", ":my.db", "b", "2") == 0
    assert place.files() == {"my.db"}
    assert place.run("print(db['a'], db['b'])") == "1 2\n"


# Each leaves a database in which a is 2. To set a to 1 makes X what it was once, and a journal
# that continued it then lies beside it: if that counted again, a would be something else. In LIVE
# it counts before the change, in STALE it is from before the last fold, which was cut before the
# log was removed, and the tip counts.
LIVE = """
import hashlib, binascii
db.update({'a': 1, 'b': 1500 * 'x'})
db.flush()
print(binascii.hexlify(hashlib.sha256(open('my.db', 'rb').read()).digest()).decode())
for n in range(20): db['a'] = 'number %d' % n
db['a'] = 2
"""
STALE = (
    LIVE
    + """
db['a'] = 'something else'
with open('my.db.log', 'rb') as f: log = f.read()
db.flush()
with open('my.db.log', 'wb') as f: f.write(log)
db['a'] = 2
"""
)

# What a is now, and whether the database still takes and keeps a write.
LOOK = """
assert len(db) == 2 and db['b'] == 1500 * 'x'
print(db['a'])
db['c'] = 3
db = MicroTetherDB('my.db')
assert len(db) == 3 and db['c'] == 3
"""


@pytest.mark.parametrize("history", [LIVE, STALE], ids=["live", "stale"])
@pytest.mark.parametrize("file_system", ["littlefs", "fat"])
def test_the_plug_is_pulled(history, file_system, tmp_path):
    """At each of the flash's operations (LIVE: each second one) that the tool's change takes: the
    board has the old data or, from some operation on, the new."""
    with Board(tmp_path, file_system) as board:
        place = OnBoard(board)
        first_sha = place.run(history).strip()
        assert place.files() == {"my.db", "my.db.log", "my.db.tip"}
    count, sha = change_unplugged(tmp_path, file_system, 0)
    assert sha != first_sha  # X never becomes again what it was: it names the one before

    cuts = range(1, count + 1, 2 if history == LIVE else 1)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda cut: change_unplugged(tmp_path, file_system, cut), cuts))
    news = found.index("1")
    assert news > 0
    assert found == ["2"] * news + ["1"] * (len(found) - news)


def change_unplugged(folder, file_system, cut_at):
    """Let the tool make a 1, on a copy of the board in folder that loses power at an operation.

    Return what a is when the power is there again; or if it is not cut, how many operations the
    change took, and the new file's SHA-256.
    """
    own_folder = folder / f"{cut_at}"
    own_folder.mkdir()
    shutil.copy(folder / "flash.img", own_folder)
    with Board(own_folder, file_system, cut_at=cut_at) as board:
        process = run("set", ":my.db", "a", "1", "--port", board.port)
        if not cut_at:
            assert process.returncode == 0, process.stderr
            count = board.mpremote("resume", "exec", "import flash\nprint(flash.board.operations)")
            assert set(board.files()) == {MODULE.name, "my.db"}
            return int(count), board.mpremote("fs", "--no-verbose", "sha256sum", "my.db").strip()
        assert "gone" in process.stderr
        board.wait_for_power_cut()
        assert (process.returncode, len(process.stderr.splitlines())) == (1, 1), process.stderr
        board.cut_at = 0
        board.power_on()
        return board.mpremote("exec", OPEN + LOOK).strip()
