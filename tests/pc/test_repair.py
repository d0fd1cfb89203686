"""mtdb.py repair: it saves all that is whole, and tells all that is lost. Damage of every sort."""

import errno
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import interpreter
from MicroTetherDB import MicroTetherDB
from mtdb_tools import mtdb, repair
from mtdb_tools.command import attempt
from mtdb_tools.database_files import read_journals

FILES = ("", ".log", ".tip")
STEPS = {"": 11, ".log": 3, ".tip": 1}  # which bytes a sweep damages


def main(*args):
    """Run mtdb.py in this process; return its exit status."""
    return attempt("mtdb", lambda: mtdb.main([str(arg) for arg in args]))


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A database of 20 keys in X, some with newer values in X.log and X.tip, some only there."""
    monkeypatch.setattr(MicroTetherDB, "TIP_SIZE", 200)
    path = tmp_path / "my.db"
    with MicroTetherDB(path.as_posix()) as db:
        db.update({f"key {n}": {"text": "ä", "number": n} for n in range(20)})
    return path


@pytest.fixture
def states(path):
    """All that the database was, while its log and its tip got several records each."""
    states = []
    db = MicroTetherDB(path.as_posix())
    for number in itertools.count():
        db[f"key {number * 3}"] = [number]
        states.append(dict(db))
        with db.transaction():
            db["total"] = number
            db.pop(f"key {number}", None)
        states.append(dict(db))
        records = {end: it.records for end, it in read_journals(path.as_posix()).items()}
        if records.get(".log", 0) > 9 and records.get(".tip", 0) > 2:
            return states


def contents(path):
    with MicroTetherDB(path.as_posix()) as db:
        return dict(db)


def copy_files(path, copy):
    for end in (*FILES, ".tmp"):
        Path(f"{copy}{end}").unlink(missing_ok=True)
        if os.path.exists(f"{path}{end}"):
            shutil.copy(f"{path}{end}", f"{copy}{end}")


def must_be_honest(saved, right, where):
    """All that is wrong in what was saved was told."""
    if saved.doubts or saved.lost or saved.lost_changes:
        return  # it is told that it isn't known which
    keys = right.keys() | saved.data.keys()
    wrong = {key for key in keys if right.get(key, ...) != saved.data.get(key, ...)}
    assert wrong <= saved.lost_keys.keys(), where


@pytest.mark.parametrize("end", FILES)
def test_a_flipped_bit_costs_one_record_at_most(path, states, tmp_path, end):
    right = states[-1]
    data = Path(f"{path}{end}").read_bytes()
    copy = tmp_path / "copy.db"
    for at in range(0, len(data.rstrip(b" \n") if end else data), STEPS[end]):
        bit = 1 << at % 7
        copy_files(path, copy)
        Path(f"{copy}{end}").write_bytes(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
        saved = repair.save(str(copy), "copy.db")
        must_be_honest(saved, right, at)
        wrong = [key for key in right if saved.data.get(key, ...) != right[key]]
        more = saved.data.keys() - right.keys()
        assert len(wrong) + len(more) <= 2, (at, wrong, more, list(saved.report()))
        assert saved.is_damaged() or saved.data == right, at


@pytest.mark.parametrize("end", FILES)
@pytest.mark.parametrize("how", ["cut", "zeros", "erased", "gone", "twice", "newline"])
def test_whatever_else_is_damaged_is_told(path, states, tmp_path, end, how):
    right = states[-1]
    data = Path(f"{path}{end}").read_bytes()
    copy = tmp_path / "copy.db"
    for at in range(0, len(data), 19):
        copy_files(path, copy)
        Path(f"{copy}{end}").write_bytes(damaged(data, at, how))
        saved = repair.save(str(copy), "copy.db")
        if how != "cut" or saved.data not in states:  # nothing tells that there was more
            must_be_honest(saved, right, at)
        for key in saved.data if end else ():
            assert key == "total" or saved.data[key] in values_of(key), (at, key)


def damaged(data, at, how):
    return {
        "cut": data[:at],
        "zeros": data[:at] + bytes(len(data[at : at + 40])) + data[at + 40 :],
        "erased": data[:at] + b"\xff" * len(data[at : at + 40]) + data[at + 40 :],
        "gone": data[:at] + data[at + 30 :],
        "twice": data[: at + 30] + data[at:],
        "newline": data[:at] + b"\n" + data[at + 1 :],
    }[how]


def values_of(key):
    number = int(key.removeprefix("key "))
    return {"text": "ä", "number": number}, [number // 3]


# What a user sees of it.


@pytest.fixture
def run(path, tmp_path, capsys):
    """Run mtdb.py repair; return the new database's contents, and what was printed. It must leave
    the damaged files as they are, and its exit status must tell whether something is lost."""

    def run(fails=False):
        before = {file: file.read_bytes() for file in tmp_path.iterdir()}
        status = main("repair", path, tmp_path / "new.db")
        out, err = capsys.readouterr()
        assert status == (3 if fails else 5 if "\nLost: " in out else 0), out + err
        new = None if fails else contents(tmp_path / "new.db")
        (tmp_path / "new.db").unlink(missing_ok=True)
        assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before
        return new, out + err

    return run


def change(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def test_of_a_sound_database_nothing_is_lost(path, states, run):
    assert run() == (
        states[-1],
        f"{len(states[-1])} keys saved to {path.parent}/new.db. "
        f"{path} is left as it is.\nNothing is lost.\n"
        "To put it in place:\n"
        f"  rm {path}\n  rm {path}.log\n  rm {path}.tip\n  mv {path.parent}/new.db {path}\n",
    )


def test_the_lost_keys_are_named(path, run):
    right = contents(path)
    change(path, b'"key 7":{', b'"key 7":~')
    new, text = run()
    del right["key 7"]
    assert new == right
    assert f'Lost: "key 7": its value ({path})' in text
    assert f"In doubt: {path}: its checksum is wrong" in text


def test_a_lost_key_that_the_journal_has_is_not_lost(path, states, run):
    change(path, b'"key 0":{', b'"key 0":~')
    new, text = run()
    assert new == states[-1]
    assert "Lost" not in text


def test_a_record_that_is_lost_leaves_the_older_value(path, states, run):
    log = Path(f"{path}.log")
    change(log, b'["key 9",[', b'["key 9",~')
    new, text = run()
    assert new == {**states[-1], "key 9": {"text": "ä", "number": 9}}
    assert 'Lost: "key 9" or, if the key is broken, another one: its newest value' in text
    assert str(log) in text


def test_the_end_is_missing(path, run):
    right = contents(path)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b'"key 17"') + 12])
    new, text = run()
    assert new == {key: right[key] for key in list(right)[:17]}
    assert 'Lost: "key 17": its value' in text


def test_the_end_is_missing_behind_a_whole_line(path, run):
    right = contents(path)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b'"key 17"')])
    new, text = run()
    assert new == {key: right[key] for key in list(right)[:17]}
    assert f"Lost: the end of {path} is missing" in text


def test_an_edited_file_beside_a_journal(path, states, run):
    """The edit is kept, of the keys that the journal doesn't say, too."""
    data = path.read_bytes()[:-33].replace(b'"number":10', b'"number":1000')
    path.write_bytes(data)
    new, text = run()
    assert new == {**states[-1], "key 10": {"text": "ä", "number": 1000}}
    assert "can't be told" in text and "its checksum is wrong or missing" in text


@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize("writes", [1, 2, 3])
@pytest.mark.parametrize("keys", [1, 2])
def test_an_edited_file_beside_a_tip(path, run, lines, writes, keys):
    """All that was acknowledged is kept, be it one write, and if one of the two lines is left."""
    with MicroTetherDB(path.as_posix()) as db:
        db["note"] = "old"
    db = MicroTetherDB(path.as_posix())
    for write in range(writes):
        db.update({f"new {write}.{n}": 0 for n in range(keys)})
    data = path.read_bytes()[: -33 * lines]
    path.write_bytes(data.replace(b'"old"', b'"new"'))
    new, text = run()
    assert new == {**db, "note": "new"}
    assert "left out" not in text
    if lines == 2:
        assert f"whether {path}.tip is newer than {path} can't be told" in text


def test_an_edited_file_beside_a_write_that_was_cut(path, run):
    right = contents(path)
    MicroTetherDB(path.as_posix())["key 1"] = "x"
    path.write_bytes(path.read_bytes()[:-66])
    tip = Path(f"{path}.tip")
    record = tip.read_bytes().split(b"\n")[0]
    for cut in range(1, 9):
        tip.write_bytes(record[:-cut] + cut * b" " + b"\n")
        new, text = run()
        assert new == right
        assert f"In doubt: the end of {tip}, the last write or more" in text


def test_only_the_checksum_is_missing_beside_a_journal(path, states, run):
    """The journal proves that all is there."""
    path.write_bytes(path.read_bytes()[:-33])
    assert run()[0] == states[-1]
    assert "doubt" not in run()[1] and "Lost" not in run()[1]


def test_the_file_is_missing_beside_its_journal(path, states, run):
    path.unlink()
    new, text = run()
    assert new == {key: states[-1][key] for key in new}
    assert {"total", "key 9", "key 12"} <= new.keys()
    assert f"Lost: {path} is missing: what only this file held" in text


@pytest.mark.parametrize("fill", [b"\xff", b"\0"])
def test_an_erased_part_of_the_log_may_have_held_any_keys(path, states, run, fill):
    log = Path(f"{path}.log")
    data = log.read_bytes()
    log.write_bytes(data[:100] + 90 * fill + data[190:])
    text = run()[1]
    assert f"Lost: 90 bytes of {log} can't be read: newer values, or deletions, of unknown" in text


def test_the_log_is_missing_beside_its_tip(path, states, run):
    Path(f"{path}.log").unlink()
    text = run()[1]
    assert f"Lost: perhaps {path}.log, which seems to be missing" in text
    assert "newer values, or deletions, of unknown keys may be lost" in text


@pytest.mark.parametrize("records", [1, 2])
def test_the_log_is_missing_beside_its_tip_whose_first_record_is_whole(path, run, records):
    db = MicroTetherDB(path.as_posix())
    db["key 1"] = 300 * "v"  # in the log
    db.update({f"key {n}": "in the tip" for n in range(2, 2 + records)})
    right = dict(db, **{"key 1": {"text": "ä", "number": 1}})
    Path(f"{path}.log").unlink()
    new, text = run()
    assert new == right
    assert f"Lost: perhaps {path}.log, which seems to be missing" in text
    text = text.partition(f'In doubt: "key 2": what was before it in {path}.tip ')[2]
    assert text.startswith("is broken or missing: newer values, or deletions, of unknown keys may")


@pytest.mark.parametrize("records", [1, 2])
@pytest.mark.parametrize("before", [0, 1])
def test_a_whole_record_behind_what_is_erased_of_the_log_is_saved(path, run, before, records):
    """Only the tip has it, or the tip has a copy of what is erased in the log."""
    db = MicroTetherDB(path.as_posix())
    for n in range(before + 2):
        db[f"key {n}"] = 300 * "v"  # in the log
    log = Path(f"{path}.log")
    line = len(log.read_bytes()) // (before + 2)
    db["key 4"] = "in the tip"
    if records == 2:
        db["key 5"] = "in the tip"
    data = log.read_bytes()
    log.write_bytes(data[: before * line] + b"\xff" * (len(data) - before * line))
    new, text = run()
    assert all(new[f"key {n}"] == "in the tip" for n in range(4, 4 + records))
    assert f"of {log} can't be read: newer values" in text


def test_the_tip_has_the_last_record_that_is_erased_in_the_log(path, run):
    db = MicroTetherDB(path.as_posix())
    db["key 1"] = 300 * "v"
    db["key 2"] = "in the tip, and copied to the log"
    db["key 3"] = "so, too"
    db["key 4"] = 120 * "v"  # this spills
    log, tip = (Path(f"{path}{end}").read_bytes() for end in (".log", ".tip"))
    assert b'"key 2"' in log and b'"key 4"' in log and b'"key 2"' in tip
    at = log.index(b"copied")
    Path(f"{path}.log").write_bytes(at * b"\xff" + log[at:])
    new, text = run()
    assert new == dict(db, **{"key 1": {"text": "ä", "number": 1}})
    assert f"Lost: {at} bytes of {path}.log can't be read: newer values" in text


def test_a_tip_that_needs_no_log_misses_none(path, run):
    db = MicroTetherDB(path.as_posix())
    db["key 1"] = db["key 2"] = 0
    change(path, b'"key 7":{', b'"key 7":~')
    new, text = run()
    assert new["key 1"] == new["key 2"] == 0
    assert "missing" not in text.replace("wrong or missing", "")


def test_what_the_first_spill_brought_is_saved(path, run):
    db = MicroTetherDB(path.as_posix())
    db["key 1"] = "in the tip, and copied to the log"
    db.update({f"key {n}": "only in the log" for n in range(2, 12)})
    right = dict(db)
    data = path.read_bytes()
    path.write_bytes(data[:-5] + b"x" + data[-4:])
    new, text = run()
    assert new == right
    assert "Lost" not in text


def test_a_record_that_is_damaged_alone_in_its_file_is_told(path, run, capsys):
    db = MicroTetherDB(path.as_posix())
    right = dict(db)
    db["key 1"] = "acknowledged"
    tip = Path(f"{path}.tip")
    data = tip.read_bytes()
    at = data.index(b"\n") - 1
    tip.write_bytes(data[:at] + b"~" + data[at + 1 :])  # no hex digit: as if it were torn
    assert main("check", path) == 4
    assert "is not whole" in capsys.readouterr().out
    new, text = run()
    assert new == right
    assert f"In doubt: the end of {tip}, the last write or more, was cut off or is broken" in text


def test_records_that_lack_the_newline_between_them_are_saved(path, states, run):
    log = Path(f"{path}.log")
    lines = log.read_bytes().split(b"\n")
    log.write_bytes(b"\n".join(lines[:2]) + b"\n" + b"".join(lines[2:5]) + b"\n".join(lines[5:]))
    assert run()[0] == states[-1]


def test_entries_of_which_only_the_commas_are_left_are_lost(path, run):
    right = contents(path)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:3], b",", *lines[4:]]))
    new, text = run()
    assert new == {key: right[key] for key in right if key != "key 2"}
    assert f"Lost: what was between two commas of {path}" in text


def test_a_journal_from_before_the_last_fold_is_not_taken(path, states, run):
    older = {end: Path(f"{path}{end}").read_bytes() for end in (".log", ".tip")}
    with MicroTetherDB(path.as_posix()) as db:
        db.flush()
        right = dict(db)
    for end, data in older.items():
        Path(f"{path}{end}").write_bytes(data)
    change(path, b'"key 7":{', b'"key 7":~')
    del right["key 7"]
    assert run()[0] == right


def test_the_next_file_is_used_where_a_fold_was_cut(path, states, run, tmp_path):
    copy = tmp_path.parent / "copy.db"
    copy_files(path, copy)
    with MicroTetherDB(copy.as_posix()):
        pass
    shutil.move(copy, f"{path}.tmp")
    change(path, b'"key 7":{', b'"key 7":~')
    new, text = run()
    assert new == states[-1]
    assert "Lost" not in text
    assert f"In doubt: {path}.tmp, which a fold that was cut has left, was taken instead" in text


def test_the_next_file_is_all_there_is_and_damaged(path, run, capsys):
    right = contents(path)
    path.rename(f"{path}.tmp")
    tmp = Path(f"{path}.tmp")
    data = tmp.read_bytes()
    for at in len(data) - 40, len(data) - 1:
        tmp.write_bytes(data[:at] + b"x" + data[at + 1 :])
        assert main("check", path) == 3
        assert "a broken .tmp is there" in capsys.readouterr().err
        new, text = run()
        assert new == right
        assert f"In doubt: {path}.tmp: its checksum is wrong or missing" in text


def test_a_file_with_a_byte_order_mark(path, run):
    right = contents(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert run()[0] == right


def test_another_programs_file_that_is_cut(path, run):
    path.write_text('{"a": 1, "b": {"c": [2, 3]}, "d": {"e": 4')
    new, text = run()
    assert new == {"a": 1, "b": {"c": [2, 3]}}
    assert 'Lost: "d": its value' in text


def test_a_line_without_its_brace_costs_its_key_only(path, run):
    """Without its seal it is any JSON file, where the value would go on in the next line."""
    right = contents(path)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"\n}\n") + 3])
    change(path, b'"number":5}', b'"number":5')
    new, text = run()
    del right["key 5"]
    assert new == right
    assert text.count("Lost") == 1 and 'Lost: "key 5": its value' in text


def test_an_indented_file_loses_its_broken_entries_only(path, run):
    entries = {"a": {"b": 1}, "c": {"d": [2, 3]}, "e": {"f": 4}, "g": 5}
    path.write_text(json.dumps(entries, indent=4))
    change(path, b"1\n    },", b"1\n    ,")
    change(path, b'"f": 4', b'"f": ~')
    new, text = run()
    assert new == {"c": {"d": [2, 3]}, "g": 5}
    assert text.count("Lost") == 2
    assert 'Lost: "a": its value' in text and 'Lost: "e": its value' in text


def test_a_broken_key_does_not_bring_out_what_is_inside_of_its_value(path, run):
    path.write_text(json.dumps({"a": {"b": 1, "c": 2}, "d": {"b": 3}}, indent=2))
    change(path, b'"a"', b"~a~")
    assert run()[0] == {"d": {"b": 3}}


@pytest.mark.parametrize("indent", [None, 0])
def test_where_entries_do_not_begin_lines_more_may_be_missing(path, run, indent):
    path.write_text(json.dumps({"a": {"x": 1}, "b": {"x": 2}, "c": {"x": 3}}, indent=indent))
    change(path, b'"x": 2', b'"x": ~')
    new, text = run()
    assert new == {"a": {"x": 1}}
    assert 'Lost: "b": its value' in text
    assert f"Lost: perhaps other keys: what follows in {path} can't be read" in text


def test_the_end_is_missing_behind_a_broken_line(path, run):
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b'"key 17"') + 12])
    text = run()[1]
    assert 'Lost: "key 17": its value' in text
    assert f"Lost: the end of {path} is missing" in text


def test_an_empty_file(path, run):
    path.write_bytes(b"")
    assert "nothing in" in run(fails=True)[1]


@pytest.mark.parametrize("value", ["1e999", r'"\ud800"', 17 * "[" + 17 * "]"])
def test_a_value_that_cannot_be_stored_is_lost(path, run, value):
    path.write_text('{\n"a": 1,\n"b": %s,\n"c": 3\n}\n' % value)
    new, text = run()
    assert new == {"a": 1, "c": 3}
    assert text.count("Lost") == 1 and 'Lost: "b": ' in text


def test_a_key_that_cannot_be_stored_is_lost(path, run):
    path.write_text('{"a": 1, "\\ud800": 2}')
    new, text = run()
    assert new == {"a": 1}
    assert 'Lost: "\\ud800": can\'t store a surrogate' in text


def test_what_fails_leaves_no_target(path, tmp_path, monkeypatch, capsys):
    def no_room(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("MicroTetherDB._rename", no_room)
    assert main("repair", path, tmp_path / "new.db") == 1
    assert "No space left" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["my.db"]


def test_the_exit_status_tells_what_is_lost_not_what_is_in_doubt(path, tmp_path):
    new = tmp_path / "new.db"
    change(path, b'"number":5', b'"number":6')
    assert main("repair", path, new) == 0
    new.unlink()
    change(path, b'"key 7":{', b'"key 7":~')
    assert main("repair", path, new) == 5


def test_how_to_put_the_result_in_place(path, states, tmp_path):
    """The commands that it ends with do it."""
    change(path, b'"key 7":{', b'"key 7":~')
    change(path, b'"key 9":{', b'"key 9":~')
    Path(f"{path}.tmp").write_bytes(b"{\n")
    command = [sys.executable, interpreter.ROOT / "tools" / "mtdb.py", "repair", path.name, "new"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    _, _, commands = process.stdout.partition("To put it in place:\n")
    names = ["my.db", "my.db.log", "my.db.tip", "my.db.tmp"]
    removed = [f"  rm {name}" for name in names]
    assert commands.splitlines() == [*removed, "  mv new my.db"]
    new = contents(tmp_path / "new")
    subprocess.run(["sh", "-ec", commands], cwd=tmp_path, check=True)
    assert {file.name for file in tmp_path.iterdir()} - {"my.db.lock"} == {"my.db"}
    assert contents(path) == new


def test_nothing_is_whole(path, run):
    path.write_bytes(os.urandom(1000).replace(b'"', b"~"))
    assert "nothing in" in run(fails=True)[1]
    path.write_text('{"a": 1e999}')
    assert 'Lost: "a": can\'t store inf' in run(fails=True)[1]


def test_the_target_must_be_new(path, tmp_path, capsys):
    before = path.read_bytes()
    assert main("repair", path, path) == 1
    assert main("repair", path, ":new.db") == 1
    assert "on this PC" in capsys.readouterr().err
    assert main("repair", path, tmp_path / "nodir" / "new.db") == 1
    assert f"there is no folder {tmp_path}/nodir" in capsys.readouterr().err
    assert main("repair", path, f"{tmp_path}/") == 1
    assert "names a folder" in capsys.readouterr().err
    (tmp_path / "new.db.tmp").write_text("{")  # as a repair that was killed leaves it
    assert main("repair", path, tmp_path / "new.db") == 1
    assert f"{tmp_path}/new.db.tmp is there already" in capsys.readouterr().err
    assert path.read_bytes() == before


@pytest.mark.parametrize("end", [".log", ".tip", ".tmp", ".lock"])
def test_the_target_must_not_be_a_file_of_the_original(path, tmp_path, end, capsys):
    before = path.read_bytes()
    for target in f"{path}{end}", f"{tmp_path}/../{tmp_path.name}/my.db{end}":
        assert main("repair", path, target) == 1
        assert f"{target} is the name of a file of {path} itself" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["my.db"] and path.read_bytes() == before


def test_a_database_on_a_board(path, pseudo_board, tmp_path, capsys):
    change(path, b'"key 7":{', b'"key 7":~')
    pseudo_board.mpremote("cp", path, ":")
    before = pseudo_board.files()
    new = tmp_path / "new.db"
    assert main("--port", pseudo_board.port, "repair", ":my.db", new) == 5
    text = capsys.readouterr().out
    assert 'Lost: "key 7": its value (:my.db)' in text
    mpremote = f"  mpremote connect {pseudo_board.port}"
    assert text.endswith(f"\n{mpremote} rm :my.db\n{mpremote} cp {new} :my.db\n")
    assert len(contents(new)) == 19
    assert pseudo_board.files() == before


def flipped(path, text, by=1, within=b""):
    """Flip a bit where a text begins in a file; the first behind within, if that is given."""
    data = bytearray(Path(path).read_bytes())
    data[data.index(text, data.index(within))] ^= by
    Path(path).write_bytes(data)


@pytest.fixture
def spilled(path):
    """A database whose log has what the first spill brought, and two batches more. Return its
    data. The tip is as it was at that spill."""
    db = MicroTetherDB(path.as_posix())
    db["key 1"] = "in the tip, and copied to the log"
    db["key 2"] = 200 * "v"
    db["key 3"] = 200 * "v"
    db["key 1"] = 200 * "w"
    assert read_journals(path.as_posix())[".log"].records == 4
    return dict(db)


@pytest.mark.parametrize("where", [b'"key 1"', b"] ", b" copied"])
def test_a_log_is_not_taken_for_stale_where_only_its_first_record_is_broken(
    path, spilled, run, where
):
    """The tip has that, too."""
    flipped(f"{path}.log", where)
    new, text = run()
    assert new == spilled
    assert "Lost" not in text


def test_the_last_write_is_saved_if_only_what_the_tip_has_too_is_broken_before_it(path, run):
    """The database can be opened, but not with its last write."""
    db = MicroTetherDB(path.as_posix())
    db["key 1"] = "in the tip, and copied to the log"
    db["key 2"] = 200 * "v"
    assert read_journals(path.as_posix())[".log"].records == 2
    flipped(f"{path}.log", b" copied")
    assert main("check", path) == 4
    new, text = run()
    assert new == dict(db)
    assert "Nothing is lost" in text


def test_the_chain_of_the_logs_first_record_is_broken(path, spilled, run):
    data = Path(f"{path}.log").read_bytes()
    flipped(f"{path}.log", data[data.index(b"\n") - 3 :][:1], within=data[data.index(b"] ") :][:9])
    assert run()[0] == spilled


def test_what_is_erased_of_the_log_beside_the_tip_that_it_began_with_is_told(path, spilled, run):
    log = Path(f"{path}.log")
    log.write_bytes(len(log.read_bytes()) * b"\xff")
    text = run()[1]
    assert "In doubt" in text and f"of {log} can't be read" in text


@pytest.mark.parametrize("by", [1, 2, 4, 8, 16, 32, 64, 128])
def test_the_first_byte_of_the_only_record_is_broken(path, run, by):
    db = MicroTetherDB(path.as_posix())
    db["key 1"] = "acknowledged"
    flipped(f"{path}.tip", b"[", by)
    assert f"In doubt: the end of {path}.tip, the last write or more" in run()[1]


def test_what_a_power_cut_has_left_behind_the_logs_end_is_not_saved(path, run):
    db = MicroTetherDB(path.as_posix())
    for n in range(3):
        db[f"key {n}"] = 200 * "v"  # in the log
    end = db._store.journal[1]
    db.update({"key 1": "never", "key 2": "never", "key 3": 200 * "v"})
    log = Path(f"{path}.log")
    torn = log.read_bytes()[: end + 60]
    assert b'"never"' in torn
    db._retire("was left, as by a power cut")
    log.write_bytes(torn)
    db = MicroTetherDB(path.as_posix())
    db["key 4"] = db["key 5"] = "in the tip"
    right = dict(db)
    assert log.read_bytes() == torn
    flipped(log, b"vvv", within=b'"key 1"')
    new, text = run()
    assert new == {**right, "key 1": {"text": "ä", "number": 1}}
    assert 'Lost: "key 1"' in text


def with_crlf(data):
    return data.replace(b"\n", b"\r\n")


def with_a_newline_more(data):
    return data + b"\n"


def with_a_newline_less(data):
    return data[:-1]


@pytest.mark.parametrize("change", [with_crlf, with_a_newline_more, with_a_newline_less])
def test_what_an_editor_has_done_to_the_ends_of_lines_hides_nothing(path, states, run, change):
    for end in FILES:
        file = Path(f"{path}{end}")
        file.write_bytes(change(file.read_bytes()))
    assert run()[0] == states[-1]


@pytest.mark.parametrize("change", [with_crlf, with_a_newline_more, with_a_newline_less])
def test_such_an_editor_does_not_bring_back_a_stale_journal(path, states, run, change):
    journal = {end: Path(f"{path}{end}").read_bytes() for end in (".log", ".tip")}
    with MicroTetherDB(path.as_posix()) as db:
        db["total"] = "newer than in the journal"
        right = dict(db)
    for end, data in journal.items():
        Path(f"{path}{end}").write_bytes(change(data))
    path.write_bytes(change(path.read_bytes()))
    assert run()[0] == right


def test_a_sound_database_raises_no_alarm_after_any_write(path, tmp_path, capsys):
    copy = tmp_path / "copy.db"
    db = MicroTetherDB(path.as_posix())
    for number in range(60):
        db[f"key {number % 7}"] = number % 5 * 20 * "v"
        copy_files(path, copy)
        assert main("check", copy) == 0, capsys.readouterr().out
        saved = repair.save(str(copy), "copy.db")
        assert saved.data == dict(db) and not saved.is_damaged(), list(saved.report())
