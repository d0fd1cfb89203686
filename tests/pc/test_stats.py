"""mtdb.py stats: its numbers are the files', and its estimate is what a simulated chip counts."""

import pytest

import interpreter
from benchmarks import flash
from benchmarks.unix_port import UnixPort
from MicroTetherDB import MicroTetherDB
from mtdb_tools import mtdb, stats
from mtdb_tools.command import attempt


def report(*args, capsys):
    assert attempt("mtdb", lambda: mtdb.main([str(arg) for arg in args])) == 0
    return capsys.readouterr().out


def test_keys_and_bytes(tmp_path, capsys):
    path = tmp_path / "my.db"
    db = MicroTetherDB(path)
    db.update({f"key {n}": n for n in range(1000)})
    db.flush()
    db["key 1"] = 0
    tip = len('["key 1",0] 01234567\n')  # the file is longer: on a PC, padding is behind it
    text = report("stats", path, capsys=capsys)
    assert f"{path}: 1,000 keys, {path.stat().st_size:,} bytes\n" in text
    assert f"Journal: {tip:,} bytes (.log 0, .tip {tip:,})\n" in text
    assert "On this PC: the journal is 0 % full, and folded at about 131,072 bytes\n" in text
    room = 2 * (path.stat().st_size - 448)
    assert (
        f"(progsize 256): the journal is {100 * tip // room} % full, and folded at about {room:,}"
        in text
    )
    assert "The erases are an estimate" in text


def test_a_journal_that_a_fold_has_left_does_not_count(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(MicroTetherDB, "TIP_SIZE", 448)
    path = tmp_path / "my.db"
    tip = path.with_name("my.db.tip")
    db = MicroTetherDB(path)
    before = path.read_bytes()
    while path.read_bytes() == before:  # until it folds of its own accord
        db["a"] = db.get("a", 0) + 1
    assert tip.stat().st_size > 4096
    text = report("stats", path, capsys=capsys)
    assert "Journal: 0 bytes (.log 0, .tip 0)\n" in text
    assert "the journal is 0 % full" in text
    db["a"] = "x"
    size = len('["a","x"] 01234567\n')
    text = report("stats", path, capsys=capsys)
    assert f"Journal: {size} bytes (.log 0, .tip {size})\n" in text


def test_an_empty_database(tmp_path, capsys):
    MicroTetherDB(tmp_path / "my.db").close()
    text = report("stats", tmp_path / "my.db", capsys=capsys)
    assert "0 keys" in text and "erases" not in text


def test_of_the_board_itself(pseudo_board, capsys):
    pseudo_board.mpremote("cp", interpreter.ROOT / "MicroTetherDB.py", ":")
    code = "from MicroTetherDB import MicroTetherDB as M\nM('my.db')['a'] = {'v': 7}"
    pseudo_board.mpremote("exec", code)
    text = report("--port", pseudo_board.port, "stats", ":my.db", capsys=capsys)
    assert ":my.db: 1 key, " in text and "progsize 256" in text
    assert "this PC" not in text and "progsize 32)" not in text


def test_the_rules_are_the_modules():
    rule = f'TIP_SIZE = {stats.ESP.tip_size} if "esp" in sys.platform else {stats.NOR.tip_size}'
    assert rule in (interpreter.ROOT / "MicroTetherDB.py").read_text()
    assert stats.PC.tip_size == MicroTetherDB.TIP_SIZE


@pytest.fixture(scope="module")
def chip(tmp_path_factory):
    return UnixPort(tmp_path_factory.mktemp("chip"))


@pytest.mark.parametrize("kind", [stats.NOR, stats.ESP])
@pytest.mark.parametrize("keys", [1, 10, 100, 1000])
@pytest.mark.parametrize("workload", ["sets", "scalars"])
def test_the_estimate_is_what_is_counted(chip, kind, keys, workload, tmp_path):
    counted = flash.cost(chip, "library", kind.progsize, workload, keys)["erases"]
    value = {"v": 700, "s": "abcdefgh"} if workload == "sets" else 700
    with MicroTetherDB(tmp_path / "my.db") as db:
        db.update({f"k{n:04}": value for n in range(keys)})
        record = stats.average_record(db)
    main = (tmp_path / "my.db").stat().st_size
    estimate = stats.erases_per_write(record, main, kind)
    assert estimate == pytest.approx(counted, rel=0.25), (record, main)
