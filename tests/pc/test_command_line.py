"""mtdb.py and deploy.py as programs: what is typed, piped, interrupted, and what never answers."""

import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import interpreter
from MicroTetherDB import MicroTetherDB, __version__
from mtdb_tools import mtdb
from mtdb_tools.cable import Board
from mtdb_tools.command import Trouble, attempt

TOOLS = interpreter.ROOT / "tools"
MTDB = [sys.executable, TOOLS / "mtdb.py"]
DEPLOY = [sys.executable, TOOLS / "deploy.py"]
BOM = b"\xef\xbb\xbf"
WRITER = """
from MicroTetherDB import MicroTetherDB
db = MicroTetherDB("my.db")
print("open", flush=True)
number = 0
while True:
    with db.transaction():
        db["a"] = number
        db["b"] = number
    if number % 50 == 0:
        db.flush()
    number += 1
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*args, status=0, input=b"", tool=MTDB):
    """Run a tool; return its output, or the one line that says why it has failed."""
    process = subprocess.run([*tool, *args], input=input, capture_output=True, timeout=120)
    assert process.returncode == status, process
    if status == 1:
        assert process.stderr.count(b"\n") == 1, process.stderr
    return (process.stderr if status else process.stdout).decode()


def contents():
    with MicroTetherDB("my.db") as db:
        return dict(db)


# Keys and values.


def test_get_raw_prints_a_text_without_quotes():
    run("set", "my.db", "note", "--text", 'a "quoted"\ntext')
    run("set", "my.db", "list", '["x"]')
    assert run("get", "my.db", "note", "--raw") == 'a "quoted"\ntext\n'
    assert run("get", "--raw", "my.db", "list") == '["x"]\n'


def test_set_takes_the_value_from_a_file(folder):
    (folder / "value.json").write_bytes(BOM + '{"ä": 1}'.encode())
    (folder / "page.html").write_bytes(BOM + b"line 1\r\nline 2\n")
    run("set", "my.db", "json", "--file", "value.json")
    run("set", "my.db", "page", "page.html", "--text", "--file")
    assert contents() == {"json": {"ä": 1}, "page": "line 1\r\nline 2\n"}


def test_set_takes_the_value_from_the_standard_input():
    run("set", "my.db", "json", "-", input=BOM + b"[1, 2]")
    run("set", "my.db", "text", "-", "--text", input=b"[1, 2]\n")
    assert contents() == {"json": [1, 2], "text": "[1, 2]\n"}


def test_load_reads_a_byte_order_mark_and_a_pipe(folder):
    (folder / "data.json").write_bytes(BOM + b'{"a": 1}')
    run("load", "my.db", "data.json")
    run("load", "my.db", input=BOM + b'{"b": 2}')
    os.mkfifo("pipe")
    with subprocess.Popen([*MTDB, "load", "my.db", "pipe"]) as process:
        (folder / "pipe").write_bytes(BOM + b'["c", 3]')
    assert process.returncode == 0
    assert contents() == {"a": 1, "b": 2, "c": 3}


def test_a_database_with_a_byte_order_mark(folder):
    (folder / "my.db").write_bytes(BOM + b'{"a": 1}')
    assert run("list", "my.db") == "a\n"


@pytest.mark.parametrize("command", [["load", "my.db"], ["set", "my.db", "key", "--file"]])
def test_a_file_that_is_no_text_is_named(folder, command):
    (folder / "latin.json").write_bytes(b'{"a": "\xe4"}')
    text = run(*command, "latin.json", status=1)
    assert "latin.json is not UTF-8: byte 7" in text
    assert "the input is not UTF-8" in run("load", "my.db", input=b"\xff", status=1)
    (folder / "powershell.json").write_bytes('{"a": 1}'.encode("utf-16"))
    text = run(*command, "powershell.json", status=1)
    assert "powershell.json is UTF-16, not UTF-8. If Windows PowerShell's > made it" in text


def test_list_a_prefix():
    run("load", "my.db", input=b'{"user1": 1, "user2": 2, "visits": 3}')
    assert run("list", "my.db", "user") == "user1\nuser2\n"
    assert run("list", "my.db", "--json", "vis") == '"visits"\n'


def test_each_key_is_one_line():
    keys = ["a\nb", "tab\t", "\x1b[31m", "\u2028", "ä 😀", '"']
    with MicroTetherDB("my.db") as db:
        db.update(dict.fromkeys(keys))
    plain = ["a\\nb", "tab\\t", "\\x1b[31m", "\\u2028", "ä 😀", '"']
    assert sorted(run("list", "my.db").splitlines()) == sorted(plain)
    lines = run("list", "my.db", "--json").splitlines()
    assert [json.loads(line) for line in lines] == sorted(keys)


def test_a_key_that_begins_with_a_hyphen():
    assert "put -- before it: -- -key" in run("get", "my.db", "-key", status=2)
    assert "put -- before it: -- -1e5" in run("set", "my.db", "a", "-1e5", status=2)
    assert "--" not in run("get", status=2).partition("error:")[2]
    run("set", "my.db", "a", "-5")
    run("set", "my.db", "--", "-key", "-1e5")
    run("set", "my.db", "--text", "--", "--port", "x")
    assert run("get", "my.db", "--", "-key") == "-100000.0\n"
    assert contents() == {"a": -5, "-key": -1e5, "--port": "x"}
    run("delete", "my.db", "--", "-key", "a")


def test_what_is_missing_is_named():
    assert "--port: expected one argument" in run("set", "my.db", "a", "1", "--port", status=2)
    assert "not valid JSON" in run("set", "my.db", "a", "hello", status=1)
    assert "no-file.json: No such file" in run("load", "my.db", "no-file.json", status=1)
    assert os.listdir() == []


def test_no_json_tells_how_to_write_a_text():
    text = run("set", "my.db", "a", "it's me", status=1)
    assert "To store a text, add --text, or quote it: '\"it'\"'\"'s me\"'" in text
    run("set", "my.db", "a", '"it\'s me"')
    assert contents() == {"a": "it's me"}
    assert len(run("set", "my.db", "a", 1000 * "x", status=1)) < 200
    assert "quotes" not in run("set", "my.db", "a", "[1, 2", status=1)


def test_what_python_writes_otherwise_than_json_is_told():
    for text, json_text in ("True", "true"), ("False", "false"), ("None", "null"):
        assert f"JSON writes it {json_text}" in run("set", "my.db", "a", text, status=1)


def test_a_folder_that_is_not_there_is_named(folder):
    for command in ["list"], ["set", "a", "1"], ["check"], ["repair", "new.db"]:
        name, *rest = command
        text = run(name, "not-there/my.db", *rest, status=1)
        assert f"there is no folder {folder}/not-there. Make it, or look" in text
        text = run(name, "not-there/", *rest, status=1)
        assert "not-there/ names a folder. A database is a file: not-there/my.db, say" in text
    assert os.listdir() == []


def test_a_database_that_is_not_there_is_looked_for_in_a_folder(folder):
    text = run("list", "no.db", status=1)
    assert f"there is no database no.db in {folder}. set and load make one" in text
    assert text.endswith(', and a path on the board begins with ":"\n')


def test_a_port_is_for_a_path_on_the_board():
    """Who forgets the ":" would look for it on the PC, or make it there."""
    for command in ["list", "my.db"], ["set", "my.db", "a", "1"]:
        text = run("--port", "/dev/ttyACM0", *command, status=2)
        assert text == 'mtdb: --port is for a path on the board, which begins with ":": :my.db\n'
    assert os.listdir() == []


def test_a_new_database_is_told(folder):
    """It may be another one than is meant: one with a typing error in its name."""
    assert run("set", "my.db", "a", "1") == "my.db is a new database.\n"
    assert run("set", "my.db", "a", "1") == ""
    assert run("load", "other.db", input=b'["b", 2]') == "1 loaded\nother.db is a new database.\n"
    assert run("load", "other.db", input=b'["b", 2]') == "1 loaded\n"


def test_the_command_comes_first():
    text = run("my.db", "list", status=2)
    assert text.endswith(". The command comes first: list my.db\n")
    assert "comes first" not in run("lisst", "my.db", status=2)


def test_where_a_file_is_no_json_is_told_of_the_file(folder):
    """Not of its first line, which in such a file is no JSON by itself."""
    (folder / "comma.json").write_text('{"a": 1,\n"b": 2,\n}')
    text = run("load", "my.db", "comma.json", status=1)
    assert text.startswith("mtdb: comma.json is not valid JSON: ") and ": line 3 column 1 " in text
    text = run("load", "my.db", input=b'{"a": 1}\n{"b": 2,\n}', status=1)
    assert text.startswith("mtdb: line 2 of the input is not valid JSON: ")
    assert os.listdir() == ["comma.json"]


def test_a_text_of_two_words_without_quotes():
    text = run("set", "my.db", "a", "--text", "hello", "world", status=2)
    assert "unrecognized arguments: world. A text with spaces needs quotes around it" in text


@pytest.mark.parametrize("depth", [20, 100_000])
def test_a_value_that_nests_too_deep_is_named(depth):
    value = depth * b"[" + depth * b"]"
    text = run("load", "my.db", input=b'{"a]": 1,\n"b": ' + value + b"}", status=1)
    assert "nests too deep" in text
    assert "line 2 of the input" in text or 'db["b"]' in text
    text = run("load", "my.db", input=b'["a", 1]\n["b", ' + value + b"]", status=1)
    assert "line 2 of the input" in text and "nests too deep" in text
    text = run("set", "my.db", "b", "-", input=value, status=1)
    assert "nests too deep" in text
    assert "the input" in text or 'db["b"]' in text
    assert os.listdir() == []


def test_what_cannot_be_stored_is_named_with_its_line(folder):
    lines = b'["a", 1]\n\n%s\n'
    for line in (
        b'{"b": 1e999}',
        b'["b", NaN]',
        b'["b", "\\ud800"]',
        b"[1, 2]",
        b"[1, 2, 3]",
        b"[}",
    ):
        (folder / "data.jsonl").write_bytes(lines % line)
        assert "line 3 of data.jsonl" in run("load", "my.db", "data.jsonl", status=1)
    text = run("load", "my.db", input=b'{"a": 1,\n"b": NaN}', status=1)
    assert text.startswith('mtdb: the input: db["b"]: can\'t store nan')


def test_one_is_singular():
    run("set", "my.db", "a", "1")
    Path("my.db.tip").write_bytes(b"[")  # of a write that was cut
    checked = subprocess.run([*MTDB, "check", "my.db"], capture_output=True, text=True)
    text = checked.stdout + run("stats", "my.db") + run("repair", "my.db", "new.db")
    for words in "1 byte, torn, 0 records", "\n1 key\n", "my.db: 1 key, ", "1 key saved":
        assert words in text
    assert not re.search(r"\b1 (keys|bytes|records)", text)


# What fails leaves no new database, and what is there as it was.


def test_what_fails_makes_no_database():
    for command, text in (
        (["load", "my.db"], b'["a", 1]\n["b", 1e999]'),
        (
            ["set", "my.db", "a", "1e999"],
            b"",
        ),
    ):
        run(*command, input=text, status=1)
        assert os.listdir() == []
    run("set", "my.db", "a", "1")
    run("set", "my.db", "a", "1e999", status=1)
    assert contents() == {"a": 1}


def test_what_fails_leaves_an_empty_database_that_was_there():
    run("load", "my.db", input=b"{}")
    run("set", "my.db", "a", "1e999", status=1)
    assert os.listdir() == ["my.db"] and contents() == {}


@pytest.mark.parametrize("command", [["dump"], ["list"], ["get", "a"]], ids=lambda it: it[0])
def test_what_the_shell_has_emptied_is_not_read_as_a_new_database(command):
    """mtdb.py dump my.db >my.db"""
    run("set", "my.db", "a", "1")
    name, *key = command
    with open("my.db", "wb") as output:
        process = subprocess.run(
            [*MTDB, name, "my.db", *key], stdout=output, stderr=subprocess.PIPE, text=True
        )
    assert process.returncode == 3
    assert "my.db is empty, which no database is: what it may have held is lost" in process.stderr
    assert Path("my.db").read_bytes() == b""


@pytest.mark.parametrize("text", [b"", b"\n", BOM])
def test_an_empty_input_is_told_and_makes_no_database(text):
    """mtdb.py dump :my.db | mtdb.py load my.db, where there is no board"""
    why = "the input is empty: there is nothing to load"
    assert why in run("load", "my.db", input=text, status=1)
    assert os.listdir() == []


@pytest.mark.parametrize("options", [(), ("--text",)])
def test_an_empty_input_is_not_stored_as_a_value(options):
    """mtdb.py get :my.db page --raw | mtdb.py set my.db page --text -, where there is no board"""
    run("set", "my.db", "page", "--text", "old")
    why = "the input is empty: there is nothing to store"
    assert why in run("set", "my.db", "page", *options, "-", input=b"", status=1)
    assert contents() == {"page": "old"}


def test_a_key_that_is_there_twice_is_not_dropped():
    twice = b'{"a": 1, "b": {"c": 2, "c": 3}}'
    for command in ("load", "my.db"), ("set", "my.db", "key", "-"):
        assert 'the input has the key "c" twice' in run(*command, input=twice, status=1)
    assert os.listdir() == []


def test_ctrl_c_in_a_load_makes_no_database(folder, monkeypatch):
    def interrupted(pairs):
        yield from pairs
        raise KeyboardInterrupt

    monkeypatch.setattr(mtdb, "progress", interrupted)
    (folder / "data.json").write_text('{"a": 1}')
    assert attempt("mtdb", lambda: mtdb.main(["load", "my.db", "data.json"])) == 130
    assert os.listdir() == ["data.json"]


def test_a_key_that_is_named_twice_is_deleted_once():
    run("load", "my.db", input=b'{"a": 1, "b": 2}')
    run("delete", "my.db", "a", "a")
    assert contents() == {"b": 2}


# Arguments that can't be right.


@pytest.mark.parametrize("argument", [b"\xff", "ä".encode("latin-1")])
def test_an_argument_that_is_not_utf_8_is_told(argument):
    for command in ["list"], ["get", "my.db"], ["set", "my.db", "a", "--text"]:
        text = run(*command, argument, status=2)
        named = argument.decode(errors="backslashreplace")
        assert text.endswith(f"mtdb.py: error: an argument is not UTF-8: {named}\n")
    assert os.listdir() == []


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_timeout_that_makes_no_sense_is_wrong_usage(seconds):
    for tool, args in (MTDB, ["list", ":my.db"]), (DEPLOY, []):
        text = run(*args, "--timeout", seconds, tool=tool, status=2)
        assert "error: argument --timeout: " in text and "--" not in text.rpartition("out: ")[2]


def test_in_a_folder_whose_name_is_not_utf_8_it_works():
    """What it prints names the folder where the database is behind a link."""
    name = os.fsdecode(b"folder\xff")
    os.mkdir(name)
    os.chdir(name)
    run("set", "my.db", "a", "1")
    os.symlink("my.db", "link.db")
    process = subprocess.run([*MTDB, "repair", "link.db", "new.db"], capture_output=True)
    assert (process.returncode, process.stderr) == (0, b"")
    assert process.stdout.endswith(b"/folder\xff/my.db'\n")
    assert "there is no database no.db in " in run("list", "no.db", status=1)


def test_an_empty_path_is_told():
    for command in ["list", ""], ["set", "", "a", "1"], ["repair", "my.db", ""]:
        assert "a path is empty where a database should be" in run(*command, status=1)
    for command in ["load", "my.db", ""], ["set", "my.db", "a", "", "--file"]:
        assert "a path is empty where a file should be" in run(*command, status=1)
    assert os.listdir() == []


# What is no database, or in use.


def test_of_what_cannot_be_opened_it_tells_repair():
    run("set", "my.db", "a", "1")
    Path("edited.db").write_bytes(Path("my.db").read_bytes().replace(b"1", b"2"))
    Path("no-json.db").write_text('{"a": 1,\n"b": }')
    for name in "edited.db", "no-json.db":
        for command in ["list"], ["set", "b", "1"], ["check"]:
            text = run(command[0], name, *command[1:], status=3).splitlines()[-1]
            assert text.endswith(f"mtdb.py repair {name} NEW.db saves what is whole")
            assert text.count("repair") == 1
    run("repair", "no-json.db", "new.db", status=5)
    assert run("dump", "new.db") == '{\n"a": 1\n}\n'
    Path("my.db.lock").write_text("the lock file of another program")
    assert "repair" not in run("set", "my.db", "b", "1", status=3)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0", b"[1, 2]", b"key = 1\n", b"{\\rtf1"])
def test_of_what_never_was_a_database_it_does_not_tell_repair(folder, data):
    (folder / "other").write_bytes(data)
    for command in ["list", "other"], ["set", "other", "a", "1"]:
        text = run(*command, status=3)
        assert text.startswith("mtdb: other is neither a database nor a JSON object: ")
        assert "repair" not in text


@pytest.mark.parametrize("name", [".", "..", "x/.", ":.", ":..", ":x/.."])
def test_a_path_that_ends_in_dots_names_a_folder(name):
    text = f"mtdb: {name} names a folder. A database is a file: {name}/my.db, say\n"
    assert run("list", name, status=1) == text


def test_what_is_no_regular_file_is_refused(folder):
    os.mkdir("folder")
    os.mkfifo("pipe")
    for command in ["list"], ["set", "a", "1"], ["check"], ["fold"], ["repair", "new.db"]:
        name, *rest = command
        assert "folder is a folder" in run(name, "folder", *rest, status=1)
        assert "pipe is not a regular file" in run(name, "pipe", *rest, status=1)
        assert "/dev/zero is not a regular file" in run(name, "/dev/zero", *rest, status=1)
    assert sorted(os.listdir()) == ["folder", "pipe"]


def test_a_link_leads_to_the_database_and_its_journal(folder):
    os.mkdir("there")
    db = MicroTetherDB("there/my.db")
    db.flush()
    db["a"] = 1
    os.symlink("there/my.db", "link.db")
    assert run("get", "link.db", "a") == "1\n"


@pytest.fixture
def writer(folder):
    """Another program, which writes to my.db all the time."""
    command = [sys.executable, "-c", WRITER]
    environment = dict(os.environ, PYTHONPATH=str(interpreter.ROOT))
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"open\n"
        yield process
        process.kill()


def test_a_database_that_another_program_has_open_is_not_changed(writer):
    for command in ["set", "my.db", "a", "1"], ["delete", "my.db", "a"], ["fold", "my.db"]:
        text = run(*command, status=1)
        assert (
            text == f"mtdb: {os.getcwd()}/my.db is open in process {writer.pid}: close it there\n"
        )


def test_what_is_read_while_another_program_writes_was_there_at_one_time(writer):
    numbers = []
    for _ in range(20):
        data = json.loads(run("dump", "my.db"))
        assert data.get("a") == data.get("b")
        numbers.append(data.get("a", 0))
    assert numbers == sorted(numbers) and len(set(numbers)) > 10


@pytest.mark.parametrize("command", [["set", "my.db", "a", "2"], ["load", "my.db"]], ids=" ".join)
def test_what_is_stored_where_there_is_no_room_for_one_file_is_not_told_as_failed(command):
    """The value is in the journal, which takes less room than a new my.db."""
    with MicroTetherDB("my.db") as db:
        db.update({f"key {n}": 100 * "x" for n in range(1000)})
    limit = os.path.getsize("my.db") // 2
    process = subprocess.run(
        [*MTDB, *command],
        input=b'{"a": 2}',
        capture_output=True,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert process.returncode == 0, process
    text = "mtdb: my.db: it is stored, but in the journal: my.db can't be written anew: "
    assert process.stderr.decode() == text + "File too large\n"
    assert contents()["a"] == 2


@pytest.mark.parametrize("command", [["list"], ["repair"]], ids=" ".join)
def test_no_room_for_the_copy_that_is_read_is_not_told_of_the_database(command, folder):
    """It is the folder for temporary files that is full, or may not hold such a file."""
    with MicroTetherDB("my.db") as db:
        db.update({f"key {n}": 100 * "x" for n in range(1000)})
    target = ["new.db"] if command == ["repair"] else []
    process = subprocess.run(
        [*MTDB, *command, "my.db", *target],
        capture_output=True,
        env=dict(os.environ, TMPDIR=str(folder)),
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)),
    )
    assert process.returncode == 1, process
    pattern = f"mtdb: {folder}/my.db to {folder}/tmp[^/]+/copy: File too large\n"
    assert re.fullmatch(pattern, process.stderr.decode()), process


# Output that nobody reads, or that can't be written.


@pytest.mark.parametrize("command", ["dump my.db", "list my.db", "--help"])
@pytest.mark.parametrize("how", ["| head -c 1", "| true"])
def test_who_reads_the_output_may_have_seen_enough(command, how):
    with MicroTetherDB("my.db") as db:
        db.update({f"key {n}": 100 * "x" for n in range(2000)})
    tool = f"{sys.executable} {TOOLS / 'mtdb.py'}"
    script = f"{tool} {command} {how}; exit ${{PIPESTATUS[0]}}"
    process = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60)
    assert (process.returncode, process.stderr) == (0, b"")


def test_output_that_cannot_be_written_is_told():
    run("set", "my.db", "a", "1")
    with open("/dev/full", "wb") as full:
        process = subprocess.run([*MTDB, "dump", "my.db"], stdout=full, stderr=subprocess.PIPE)
    assert process.returncode == 1
    assert process.stderr == b"mtdb: No space left on device\n"


def test_output_and_input_may_be_closed():
    run("set", "my.db", "a", "1")
    tool = f"{sys.executable} {TOOLS / 'mtdb.py'}"
    for script, status in (f"{tool} list my.db >&-", 0), (f"{tool} load my.db <&-", 1):
        process = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60)
        assert process.returncode == status
        assert b"Traceback" not in process.stderr


# Ctrl-C.


@pytest.mark.parametrize("tool", [MTDB, DEPLOY], ids=["mtdb", "deploy"])
@pytest.mark.parametrize("module", ["argparse", "MicroTetherDB", "subprocess"])
def test_ctrl_c_while_it_starts_ends_it_without_a_traceback(tool, module):
    """-X importtime names each module when it has been imported."""
    python, script = tool
    command = [python, "-X", "importtime", script, "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while process.stderr.readline().split()[-1] != module.encode():
            pass
        process.send_signal(signal.SIGINT)
        assert b"Traceback" not in process.stderr.read()
        process.wait()
    # It may have been over by then.
    assert process.returncode in (-signal.SIGINT, 130, 0)


def test_ctrl_c_while_it_waits_for_input():
    screen, end = pty.openpty()
    command = [*MTDB, "load", "my.db"]
    with subprocess.Popen(command, stdin=end, stderr=subprocess.PIPE) as process:
        assert b"end with Ctrl-D" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b"mtdb: interrupted\n"
    assert process.returncode == 130
    assert os.listdir() == []
    os.close(end)
    os.close(screen)


def test_ctrl_c_while_the_board_does_not_answer(pseudo_board):
    pseudo_board._process.send_signal(signal.SIGSTOP)
    for tool, args in (MTDB, ["list", ":my.db"]), (DEPLOY, []):
        command = [*tool, *args, "--port", pseudo_board.port]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
        time.sleep(2)
        os.killpg(process.pid, signal.SIGINT)
        name = tool[1].stem
        assert process.communicate(timeout=60)[1].decode() == f"{name}: interrupted\n"
        assert process.returncode == 130


@pytest.mark.parametrize("seconds", [1.0, 1.4, 1.8, 2.2, 2.6, 3.0])
def test_ctrl_c_while_a_board_is_changed_leaves_the_old_or_the_new(pseudo_board, seconds):
    """Whenever it comes; the steps take about so long."""
    port = ["--port", pseudo_board.port]
    run("set", ":my.db", "a", "1", *port)
    command = [*MTDB, "set", ":my.db", "a", json.dumps(50_000 * "x"), *port]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    text = process.communicate(timeout=60)[1]
    is_starting = -signal.SIGINT, b""  # still, where the machine is busy
    assert (process.returncode, text) in [(130, b"mtdb: interrupted\n"), (0, b""), is_starting]
    assert run("get", ":my.db", "a", "--raw", *port) in ["1\n", 50_000 * "x" + "\n"]
    assert pseudo_board.files().keys() <= {"my.db", "my.db.tmp"}  # the latter doesn't count
    run("fold", ":my.db", *port)
    run("set", ":my.db", "a", "2", *port)
    assert pseudo_board.files().keys() == {"my.db"}


# Boards that don't answer, or aren't there.


def test_a_board_that_does_not_answer(pseudo_board):
    pseudo_board._process.send_signal(signal.SIGSTOP)
    port = ["--port", pseudo_board.port]
    text = run("list", ":my.db", *port, "--timeout", "3", status=1)
    assert "has stopped answering: no answer within 3 seconds" in text


def test_a_board_that_stops_answering(pseudo_board):
    command = [*DEPLOY, "--port", pseudo_board.port, "--timeout", "5"]
    environment = dict(os.environ, PYTHONUNBUFFERED="1")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        for line in process.stdout:
            if "Self-test" in line:
                break
        pseudo_board._process.send_signal(signal.SIGSTOP)
        text = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert re.fullmatch("deploy: the board .*answer.*Reset it and try again.*\n", text)


def test_a_port_that_is_not_there():
    for tool, args in (MTDB, ["list", ":my.db"]), (DEPLOY, []):
        text = run(*args, "--port", "/dev/not-there", tool=tool, status=1)
        assert "there is no port /dev/not-there" in text
        assert "There are: /dev/" in text or "and no other" in text


def test_a_port_that_is_in_use(pseudo_board):
    with subprocess.Popen(
        [sys.executable, "-m", "mpremote", "connect", pseudo_board.port, "exec", "while 1: pass"],
        stderr=subprocess.DEVNULL,
    ) as other:
        time.sleep(3)
        text = run("list", ":my.db", "--port", pseudo_board.port, status=1)
        other.kill()
    assert f"can't open {pseudo_board.port}. Does another program use it" in text


PORTS = [
    SimpleNamespace(device="/dev/ttyS0", description="n/a", vid=None, pid=None),
    SimpleNamespace(device="/dev/ttyACM0", description="Board", vid=0x2E8A, pid=5),
]


def test_the_only_board_is_in_use(monkeypatch):
    """Then mpremote, which looks for a board, finds none."""
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: PORTS)
    with pytest.raises(Trouble, match="can't open /dev/ttyACM0. Does another program use it"):
        explain("mpremote: no device found\n")
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: PORTS[:1])
    with pytest.raises(Trouble, match="no board found. Is it plugged in"):
        explain("mpremote: no device found\n")


def test_a_board_that_goes_names_the_port():
    """As pyserial says it, where another program reads from the port, too."""
    said = "serial.serialutil.SerialException: device disconnected or multiple access on port?\n"
    with pytest.raises(Trouble, match="/dev/ttyACM0 has gone, or another program uses it, too"):
        explain(said, port="/dev/ttyACM0")
    with pytest.raises(Trouble, match="the board's port has gone"):
        explain(said)


@pytest.mark.parametrize("tool", [[*MTDB, "list", ":my.db"], DEPLOY], ids=["mtdb", "deploy"])
def test_an_mpremote_that_is_too_old_is_told_before_anything_is_done(folder, monkeypatch, tool):
    """Python takes the first that it finds for the one that is installed."""
    about = folder / "mpremote-1.23.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mpremote\nVersion: 1.23.0\n")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    assert run(tool=[*tool, "--port", "/dev/not_there"], status=1).endswith(
        ": mpremote 1.23.0 is too old: 1.24 or newer is needed. Install it: "
        f"{sys.executable} -m pip install --upgrade mpremote\n"
    )


def explain(said, port=None):
    """Raise what the tools say when mpremote has said that."""
    raise Trouble(Board(port)._explain(said))


def test_modules_in_the_users_folder_are_not_taken_for_the_pcs(folder, pseudo_board):
    """Such as stubs of a board's modules, for an editor."""
    for name in ("serial", "select", "machine", "time", "json"):
        (folder / f"{name}.py").write_text("raise SystemExit('a stub')")
    run("set", ":my.db", "a", "1", "--port", pseudo_board.port)
    assert run("get", ":my.db", "a", "--port", pseudo_board.port) == "1\n"


def test_a_folder_on_the_board(pseudo_board):
    pseudo_board.mpremote("mkdir", ":data")
    port = ["--port", pseudo_board.port]
    assert ":data is a folder" in run("list", ":data", *port, status=1)
    text = run("list", ":data/", *port, status=1)
    assert ":data/ names a folder. A database is a file: :data/my.db, say" in text
    for command in ["list"], ["set", "a", "1"], ["check"], ["repair", "new.db"]:
        name, *rest = command
        text = run(name, ":no dir/my.db", *rest, *port, status=1)
        assert "there is no folder :no dir on the board. Make it, or look" in text
        assert f"mpremote connect {pseudo_board.port} mkdir ':no dir', " in text
    text = run("list", ":data/no.db", *port, status=1)
    assert "there is no database :data/no.db on the board. set and load make one" in text


@pytest.mark.parametrize("end", ["", ".log", ".tip", ".tmp"])
def test_a_folder_in_the_place_of_a_file_on_the_board(pseudo_board, end):
    pseudo_board.mpremote("mkdir", f":my.db{end}")
    port = ["--port", pseudo_board.port]
    for command in ["list"], ["set", "a", "1"], ["check"], ["repair", "new.db"]:
        name, *rest = command
        text = run(name, ":my.db", *rest, *port, status=1)
        assert text == f"mtdb: :my.db{end} is a folder, so it can't belong to a database\n"
    assert pseudo_board.files() == {f"my.db{end}/": 0}


def test_a_line_break_in_a_name_on_the_board(pseudo_board):
    """The tool makes none, and works beside one that another program has made."""
    port = ["--port", pseudo_board.port]
    for path in ":my\n.db", ":my.db\n", ":my\r.db", ":my\u2028.db":
        for command in ["list"], ["set", "a", "1"]:
            text = run(command[0], path, *command[1:], *port, status=1)
            assert text == "mtdb: a path on the board can't have line breaks\n"
    assert pseudo_board.files() == {}
    pseudo_board.mpremote("exec", "open('other\\n.txt', 'w').close()")
    run("set", ":my.db", "a", "1", *port)
    assert run("get", ":my.db", "a", *port) == "1\n"


@pytest.mark.parametrize("file_system", ["fat"])
def test_on_fat_a_name_in_another_case_is_told(pseudo_board):
    """FAT takes both for one file, so one database would take the place of the other."""
    port = ["--port", pseudo_board.port]
    run("set", ":my.db", "a", "1", *port)
    for command in ["list"], ["set", "b", "2"], ["check"], ["repair", "new.db"]:
        name, *rest = command
        text = run(name, ":My.db", *rest, *port, status=1)
        assert "the board has :my.db, and its file system takes :My.db for the same file" in text
    assert run("dump", ":my.db", *port) == '{\n"a": 1\n}\n'


def test_on_littlefs_a_name_in_another_case_is_another_one(pseudo_board):
    port = ["--port", pseudo_board.port]
    run("set", ":my.db", "a", "1", *port)
    run("set", ":My.db", "b", "2", *port)
    run("set", ":my.db", "c", "3", *port)
    assert run("list", ":my.db", *port) == "a\nc\n"
    assert run("list", ":My.db", *port) == "b\n"


def test_the_keys_are_listed_in_order(pseudo_board):
    """On a board they are in the order of their hashes."""
    keys = [f"key {n}" for n in range(40)]
    pseudo_board.mpremote("cp", interpreter.ROOT / "MicroTetherDB.py", ":")
    program = "from MicroTetherDB import MicroTetherDB as M\n"
    program += "M('my.db').update({'key %d' % n: n for n in range(40)})"
    pseudo_board.mpremote("exec", program)
    port = ["--port", pseudo_board.port]
    assert run("list", ":my.db", *port).splitlines() == sorted(keys)
    run("load", "my.db", input=b'{"b": 1, "a": 2}')
    assert run("list", "my.db") == "a\nb\n"


# The rest.


@pytest.mark.parametrize("tool", [MTDB, DEPLOY], ids=["mtdb", "deploy"])
def test_version(tool):
    assert run("--version", tool=tool) == f"{tool[1].name} {__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion(shell):
    script = run("--print-completion", shell)
    assert "repair" in script and "--raw" in script
    if shell == "bash":
        ask = "COMP_WORDS=(mtdb.py re) COMP_CWORD=1 COMPREPLY=(); _shtab_mtdb_py; echo $COMPREPLY"
        process = subprocess.run(["bash", "-c", script + "\n" + ask], capture_output=True)
        assert process.stdout == b"repair\n", process
