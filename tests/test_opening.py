import json
import os

from MicroTetherDB import MicroTetherDB
from support import (
    CPYTHON,
    after_a_crash,
    content,
    files,
    found,
    lay,
    listed,
    no_writes,
    only,
    raises,
    read,
    remove,
    write,
)


def test_a_new_database_is_empty_and_its_file_is_there_at_once(path):
    db = MicroTetherDB(path)
    assert len(db) == 0
    assert json.loads(read(path)) == {}
    db.close()


def test_what_was_stored_is_there_after_reopening(path):
    with MicroTetherDB(path) as db:
        db["user1"] = {"name": "John", "age": 30}
        db["n"] = 1
    with MicroTetherDB(path) as db:
        assert content(db) == {"user1": {"name": "John", "age": 30}, "n": 1}


def test_what_was_stored_is_there_without_close(path):
    db = MicroTetherDB(path)
    db["a"] = [1, 2]
    assert after_a_crash(path) == {"a": [1, 2]}


def test_after_close_there_is_one_file_with_all_data_as_json(path):
    with MicroTetherDB(path) as db:
        db["a"] = 1
        db["b"] = ["\u20ac", None]
    assert list(files(path)) == [""]
    assert json.loads(read(path)) == {"a": 1, "b": ["\u20ac", None]}


def test_the_file_has_one_key_a_line_and_no_escapes_for_letters(path):
    with MicroTetherDB(path) as db:
        db["a"] = "\u20ac\U0001f600"
        db["b"] = 2
    lines = read(path).decode().replace(": ", ":").split("\n")  # old firmware writes the blank
    assert sorted(line.rstrip(",") for line in lines[:4]) == [
        '"a":"\u20ac\U0001f600"',
        '"b":2',
        "{",
        "}",
    ]


def test_a_json_file_made_by_another_program_is_a_database(path):
    write(path, b'\n{"user1": {"age": 30,\r\n "tags": ["\\u00e9"]},\n\t"n": -1.5e3}')
    expected = {"user1": {"age": 30, "tags": ["\u00e9"]}, "n": -1500.0}
    with no_writes(path), MicroTetherDB(path) as db:
        assert content(db) == expected
    db = MicroTetherDB(path)
    db["new"] = True
    expected["new"] = True
    assert after_a_crash(path) == expected
    db.close()
    assert json.loads(read(path)) == expected


def test_an_empty_file_is_a_new_database(path):
    write(path, b"")
    with MicroTetherDB(path) as db:
        assert content(db) == {}
        db["a"] = 1
    with MicroTetherDB(path) as db:
        assert content(db) == {"a": 1}


def test_a_blank_file_is_refused_however_long_it_is(path):
    for length in (1, 32, 33, 34, 66, 67, 100):
        text = b" " * (length - 1) + b"\n"
        write(path, text)
        assert path in raises(ValueError, MicroTetherDB, path), length
        assert read(path) == text


def test_opening_and_closing_writes_nothing(path):
    with MicroTetherDB(path) as db:
        db["a"] = {"b": 1}
    with no_writes(path), MicroTetherDB(path) as db:
        assert db["a"]["b"] == 1


def test_opening_what_a_crash_left_writes_nothing(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    with no_writes(path):
        db = MicroTetherDB(path)
        assert db["a"] == 1


def test_with_closes(path):
    with MicroTetherDB(path) as db:
        db["a"] = 1
    raises(ValueError, lambda: db["a"])


def test_with_closes_after_an_exception_too(path):
    try:
        with MicroTetherDB(path) as db:
            db["a"] = 1
            raise KeyError("mine")
    except KeyError as error:
        assert error.args == ("mine",)
    raises(ValueError, len, db)
    with MicroTetherDB(path) as db:
        assert content(db) == {"a": 1}


def use_all(db):
    """All that can be done with a database, but for close() and repr()."""
    return [
        lambda: db["a"],
        lambda: db["missing"],
        lambda: db.get("a"),
        lambda: db.get("missing", 1),
        lambda: "a" in db,
        lambda: 1 in db,
        lambda: len(db),
        lambda: list(db),
        lambda: list(db.keys()),
        lambda: list(db.values()),
        lambda: list(db.items()),
        lambda: db.update(),
        lambda: db.update({"a": 2}),
        lambda: db.update(a=2),
        lambda: db.pop("a"),
        lambda: db.pop("missing", 1),
        lambda: db.popitem(),
        lambda: db.setdefault("a", 2),
        lambda: db.__setitem__("a", 2),
        lambda: db.__setitem__(1, 2),
        lambda: db.__delitem__("a"),
        lambda: db.clear(),
        lambda: db.flush(),
        lambda: db.backup("backup.db"),
        lambda: db.lock().__enter__(),
        lambda: db.transaction().__enter__(),
        lambda: db.__enter__(),
    ]


def test_close_may_be_called_twice_and_all_else_then_raises_value_error(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    db.close()
    with no_writes(path):
        db.close()
        for use in use_all(db):
            assert path in raises(ValueError, use)


def test_opening_it_again_takes_it_over(path):
    older = MicroTetherDB(path)
    older["a"] = 1
    newer = MicroTetherDB(path)
    for use in use_all(older):
        raises(ValueError, use)
    older.close()
    assert newer["a"] == 1
    newer["b"] = 2
    assert after_a_crash(path) == {"a": 1, "b": 2}
    newer.close()
    with MicroTetherDB(path) as db:
        assert content(db) == {"a": 1, "b": 2}


def test_taking_over_knows_a_file_by_any_spelling_of_its_path(path):
    os.mkdir("folder")
    for spelling in ("my.db", "./my.db", "folder/../my.db", ".//folder/.././my.db"):
        older = MicroTetherDB(path)
        newer = MicroTetherDB(spelling)
        raises(ValueError, len, older)
        newer[spelling] = 1
        newer.close()
    assert os.listdir("folder") == []
    with MicroTetherDB(path) as db:
        assert len(db) == 4


def test_in_a_folder_too_it_is_taken_over(path):
    os.mkdir("folder")
    os.mkdir("folder/within")
    for spelling in ("folder/my.db", "folder/within/my.db"):
        older = MicroTetherDB(spelling)
        older["a"] = 1
        newer = MicroTetherDB(spelling)
        assert "opened again" in raises(ValueError, len, older)
        assert "would share a file" in raises(ValueError, newer.backup, spelling)
        newer["b"] = 2
        assert after_a_crash(spelling) == {"a": 1, "b": 2}
        newer.close()


def test_a_failed_takeover_leaves_the_older_one_as_it_was(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    good = files(path)
    write(path, b"garbage")
    raises(ValueError, MicroTetherDB, path)
    write(path, good[""])
    assert db["a"] == 1
    db["b"] = 2
    assert after_a_crash(path) == {"a": 1, "b": 2}


def test_in_its_own_block_a_database_is_neither_closed_nor_taken_over(path):
    db = MicroTetherDB(path)
    for block in (db.lock, db.transaction):
        with block():
            db["a"] = 1
            raises(ValueError, db.close)
            raises(ValueError, MicroTetherDB, path)
        assert after_a_crash(path) == {"a": 1}
    db.close()


def test_a_change_of_folder_does_not_move_the_database(path):
    db = MicroTetherDB("my.db")
    os.mkdir("elsewhere")
    os.chdir("elsewhere")
    db["a"] = 1
    db.flush()
    db.close()
    assert os.listdir() == []
    with MicroTetherDB(path) as db:
        assert db["a"] == 1


def test_repr_names_the_file_and_the_number_of_keys(path):
    db = MicroTetherDB(path)
    db["a"] = db["b"] = 1
    assert path in repr(db)
    assert "2 keys" in repr(db)
    db.close()
    assert path in repr(db)
    assert "closed" in repr(db)


def test_a_folder_that_is_not_there_raises_os_error(path):
    missing = path.replace("my.db", "missing/my.db")
    assert missing in raises(OSError, MicroTetherDB, missing)


def test_a_path_that_is_a_folder_raises_os_error(path):
    os.mkdir(path)
    write(path + "/file", b"kept")
    assert path in raises(OSError, MicroTetherDB, path)
    assert os.listdir(path) == ["file"]


def test_a_path_is_a_str(path):
    for wrong in (1, None, b"my.db", ["my.db"]):
        raises(TypeError, MicroTetherDB, wrong)
    assert os.listdir() == []


@only("cpython", "os.PathLike is CPython's")
def test_a_path_may_be_any_path_like(path):
    from pathlib import Path

    with MicroTetherDB(Path(path)) as db:
        db["a"] = 1
        db.backup(Path("copy.db"))
    with MicroTetherDB(path) as db:
        assert db["a"] == 1
    with MicroTetherDB("copy.db") as db:
        assert db["a"] == 1


@only("cpython", "links are the PC's")
def test_a_link_is_the_file_that_it_leads_to(path):
    os.symlink(path, "link.db")
    older = MicroTetherDB(path)
    newer = MicroTetherDB("link.db")
    raises(ValueError, len, older)
    newer["a"] = 1
    newer.close()
    assert os.path.islink("link.db")
    with MicroTetherDB(path) as db:
        assert db["a"] == 1


def test_a_foreign_file_is_rewritten_by_a_real_change_only_and_by_no_error(path):
    write(path, b'{"a": [1], "n": 1}')
    db = MicroTetherDB(path)
    for error, use in (
        (KeyError, lambda: db.pop("missing")),
        (KeyError, lambda: db.__delitem__("missing")),
        (KeyError, lambda: db["missing"]),
        (TypeError, lambda: db.__setitem__("a", {1})),
        (ValueError, lambda: db.update({"a": float("nan")})),
        (ZeroDivisionError, lambda: roll_back(db)),
    ):
        with no_writes(path):
            raises(error, use)
    # Edited meanwhile, with a typo: that is told, and stays.
    write(path, b'{"a": [1], "n": 1')
    raises(ValueError, MicroTetherDB, path)
    raises(KeyError, db.pop, "missing")
    assert read(path) == b'{"a": [1], "n": 1'
    db["n"] = 2
    assert after_a_crash(path) == {"a": [1], "n": 2}


def roll_back(db):
    with db.transaction():
        db["a"].append(2)
        db["new"] = 1
        return 1 // 0


def test_a_journal_beside_a_file_without_a_seal_is_told_and_left_alone(path):
    write(path, b'{"a": 1}')
    for end in (".log", ".tip"):
        write(path + end, b"notes of another program\n")
        before = files(path)
        assert path in raises(ValueError, MicroTetherDB, path)
        assert files(path) == before
        os.remove(path + end)
    # As after editing by hand what a kill has left, its last line cut off.
    with MicroTetherDB(path) as db:
        db["long"] = "x" * 600
        db.flush()
        db["b"] = 2
        contents = files(path)
    lay(path, dict(contents, **{"": contents[""][:-33]}))
    before = files(path)
    assert path in raises(ValueError, MicroTetherDB, path)
    assert files(path) == before


def test_a_foreign_file_opens_beside_what_a_power_cut_has_left_of_the_first_change(path):
    text = b'{"a": 1, "long": "%s"}' % (100 * b"x")
    write(path, text)
    with MicroTetherDB(path) as db:
        db["a"] = 2
        changed = files(path)[""]
    for size in range(0, len(changed) + 1, 9):
        lay(path, {"": text, ".tmp": changed[:size]})
        assert found(path, files(path)) == {"a": 1, "long": 100 * "x"}, size


def test_closing_a_foreign_file_leaves_what_is_beside_it_alone(path):
    write(path, b'{"a": 1}')
    db = MicroTetherDB(path)
    write(path + ".log", b"notes of another program\n")
    db.close()
    assert files(path) == {"": b'{"a": 1}', ".log": b"notes of another program\n"}


@only("cpython host littlefs fat", "a board's heap may have no piece as large as the text")
def test_a_long_text_is_read_in_a_time_linear_in_its_length(path):
    import MicroTetherDB as module

    class Counted:
        """A file that counts how many bytes are read."""

        bytes = 0

        def __init__(self, path, mode):
            self.file = open(path, mode)  # noqa: SIM115

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def seek(self, *where):
            return self.file.seek(*where)

        def tell(self):
            return self.file.tell()

        def read(self, *size):
            data = self.file.read(*size)
            Counted.bytes += len(data)
            return data

        def readinto(self, buffer):
            size = self.file.readinto(buffer)
            Counted.bytes += size
            return size

        def readline(self, *size):
            line = self.file.readline(*size)
            Counted.bytes += len(line)
            return line

    with MicroTetherDB(path) as db:
        db["long"] = "x" * 20000
    module.open = Counted
    try:
        db = MicroTetherDB(path)
    finally:
        del module.open
    assert content(db) == {"long": "x" * 20000}
    assert Counted.bytes < 4 * 20000, Counted.bytes


def test_the_root_is_a_folder_and_no_database(path):
    before = os.listdir("/")
    for root in ("/", "/."):
        assert "/" in raises(OSError, MicroTetherDB, root)
    assert os.listdir("/") == before


def test_escaped_characters_beyond_16_bits_are_read(path):
    write(
        path, b'{"party \\ud83c\\udf89": ["\\ud83d\\ude00 and \\ud83c\\udf89", "\\ud7ff\\u20ac"]}'
    )
    expected = {"party \U0001f389": ["\U0001f600 and \U0001f389", "\ud7ff\u20ac"]}
    with MicroTetherDB(path) as db:
        assert content(db) == expected
        db["a"] = 1
    expected["a"] = 1
    with MicroTetherDB(path) as db:
        assert content(db) == expected


def test_a_number_beyond_this_boards_floats_is_refused(path):
    with MicroTetherDB(path) as db:
        db["a"] = [1e30]
    data = files(path)[""]
    for number in (b"1e+999", b"-1e+400"):
        text = data[: -2 * 33].replace(b"1e+30", number)
        write(path, text)  # of another program
        assert "can't be opened" in raises(ValueError, MicroTetherDB, path)
        sealed(path, text)
        assert 'db["a"][0]' in raises(ValueError, MicroTetherDB, path)


def sealed(path, text):
    """Write text to path with the two lines that end a database's file."""
    from MicroTetherDB import crc32  # an ESP8266 has none in binascii

    for crc in (0, None):
        crc = crc32(text) & 0xFFFFFFFF if crc is None else crc
        text += "{:032b}\n".format(crc).replace("0", " ").replace("1", "\t").encode()
    write(path, text)


def reads_any_bytes():
    """Whether json takes text that isn't UTF-8, as old firmware does."""
    try:
        json.loads(b'"\xff"')
        return True
    except ValueError:
        return False


def test_text_that_is_not_utf_8_is_told_where_it_cannot_be_read(path):
    """Old firmware stores it: what json.loads() made of another program's bytes, say."""
    if reads_any_bytes():
        return
    sealed(path, b'{\n"a": "K\xfcche"\n}\n')
    contents = files(path)
    told = raises(ValueError, MicroTetherDB, path)
    assert path in told and "UTF-8" in told and "repair" in told
    assert files(path) == contents


def test_a_file_that_another_program_has_sealed_may_be_laid_out_otherwise(path):
    expected = {"a": {"x": [1]}, "b": "y" * 1000, "c": 2}
    for text in (
        b'{"a":{"x":[1]},"b":"%s","c":2}\n' % (b"y" * 1000),
        b'{"a": {"x": [1]},\n"b": "%s",\n"c": 2}\n' % (b"y" * 1000),
        b'{ "b" :"%s" ,\n"a":{"x":[1]},\n"c":2\n}' % (b"y" * 1000) + b"\n",
    ):
        sealed(path, text)
        with MicroTetherDB(path) as db:
            assert content(db) == expected
        assert files(path)[""].startswith(text)


def test_half_of_an_escaped_character_is_refused(path):
    for text in (
        b'{"a": "\\ud83c"}',
        b'{"a": "\\udf89\\ud83c"}',
        b'{"\\ud83cx": 1}',
        b'{"a": "\\ud83c\\ud55c"}',
    ):
        write(path, text)
        raises(ValueError, MicroTetherDB, path)
        assert files(path) == {"": text}


def test_a_file_that_was_cut_off_is_refused(path):
    db = MicroTetherDB(path)
    db.update({"k%d" % i: {"v": [i], "w": {}} for i in range(5)})
    db.close()
    data = files(path)[""]
    whole = len(data.rstrip())
    for size in range(1, len(data)):
        write(path, data[:size])
        if size in (whole, whole + 1):  # what is left is a JSON file
            with MicroTetherDB(path) as db:
                assert len(db) == 5
        elif size < whole or size > whole + 33:
            raises(ValueError, MicroTetherDB, path)
            assert files(path) == {"": data[:size]}


def test_a_file_of_another_program_that_was_cut_off_is_refused(path):
    for text in (
        b'{"a": {"v": [1]}, "b": {"v": {}}, "c": 12, "d": {"e": "}"}}',
        b'{\n  "a": {\n    "v": 1\n  },\n  "b": {\n    "v": {}\n  }\n}\n',
        b'{\n"a": {"v": {}},\n"b": {"v": {}}}\n\n',
    ):
        whole = len(text.rstrip())
        for size in range(1, whole):
            write(path, text[:size])
            assert path in raises(ValueError, MicroTetherDB, path)
            assert files(path) == {"": text[:size]}
        for size in range(whole, len(text) + 1):
            write(path, text[:size])
            with MicroTetherDB(path) as db:
                assert content(db) == json.loads(text)


def test_a_database_edited_by_hand_beside_its_journal_is_refused(path):
    db = MicroTetherDB(path)
    db.update({"k%d" % i: i for i in range(20)})
    db.flush()
    db["k1"] = "in the journal"
    contents = files(path)
    contents[""] = contents[""].rstrip() + b"\n"
    lay(path + "2", contents)
    told = raises(ValueError, MicroTetherDB, path + "2")
    assert ".tip" in told and path in told
    assert files(path + "2") == contents


def test_a_file_beside_a_database_that_is_no_journal_is_left_alone(path):
    notes = b"2026-01-01 notes of another program\n"
    path = path.replace("my.db", "beside.db")
    for end in (".log", ".tip"):
        write(path + end, notes)
        told = raises(ValueError, MicroTetherDB, path)
        assert path + end in told and "move it away" in told and "repair" in told
        assert files(path) == {end: notes}
        os.remove(path + end)
    with MicroTetherDB("other.db") as db:
        write(path + ".log", notes)
        assert path + ".log" in raises(ValueError, db.backup, path)
    assert files(path) == {".log": notes}


def test_a_database_whose_files_are_those_of_an_open_one_is_refused(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    for end in (".log", ".tip", ".tmp"):
        assert path in raises(ValueError, MicroTetherDB, path + end)
    with MicroTetherDB("x.log"):
        assert "x.log" in raises(ValueError, MicroTetherDB, "x")
    assert content(db) == after_a_crash(path) == {"a": 1}


def test_what_was_opened_again_says_so(path):
    older = MicroTetherDB(path)
    newer = MicroTetherDB(path)
    assert "opened again" in raises(ValueError, older.flush)
    assert "opened again" in repr(older)
    newer.close()
    assert "closed" in raises(ValueError, newer.flush)


@only("fat", "other file systems tell letter case apart")
def test_on_fat_letter_case_makes_no_second_database(path):
    older = MicroTetherDB(path)
    older["from"] = "a"
    newer = MicroTetherDB(path.replace("my.db", "MY.DB"))
    raises(ValueError, len, older)
    newer["b"] = 1
    raises(ValueError, newer.backup, path.replace("my.db", "My.Db"))
    newer.close()
    with MicroTetherDB(path) as db:
        assert content(db) == {"from": "a", "b": 1}


@only("fat", "other file systems tell letter case apart")
def test_on_fat_a_folder_that_is_spelled_in_a_third_way_makes_no_second_database(path):
    folder = path.rsplit("/", 1)[0]
    os.mkdir(folder + "/Data")
    older = MicroTetherDB(folder + "/data/my.db")
    older["from"] = "a"
    newer = MicroTetherDB(folder + "/DATA/my.db")
    raises(ValueError, len, older)
    newer["b"] = 1
    assert content(newer) == after_a_crash(folder + "/Data/my.db") == {"from": "a", "b": 1}


@only("littlefs host cpython", "FAT doesn't")
def test_elsewhere_letter_case_makes_a_second_database(path):
    with MicroTetherDB(path) as one, MicroTetherDB(path.replace("my.db", "MY.DB")) as two:
        one["a"] = 1
        two["b"] = 2
        assert content(one) == {"a": 1} and content(two) == {"b": 2}
    with MicroTetherDB(path) as one, MicroTetherDB(path.replace("my.db", "MY.DB")) as two:
        assert content(one) == {"a": 1} and content(two) == {"b": 2}


def test_a_file_of_another_program_may_end_in_blank_lines(path):
    for text in (b'{"a": 1}' + b"\n" * 40, b'{\n "a": 1\n}\n\n'):
        write(path, text)
        assert found(path, files(path)) == {"a": 1}
        remove(path)


def test_a_file_beside_a_database_that_may_be_a_journal_but_is_none_is_left_alone(path):
    with MicroTetherDB(path) as db:
        db["a"] = 1
    for end, data in (
        (".log", b"[INFO] boot 1\n[INFO] wifi up\n"),
        (".log", b'{\n"events":["boot"]\n}\n'),
        (".tip", b"[1, 2]\n"),
        (".tmp", b"mine\n"),
        (".lock", b"mine, and no number\n"),
    ):
        if end != ".lock" or CPYTHON:
            write(path + end, data)
            assert end in raises(ValueError, MicroTetherDB, path)
            assert read(path + end) == data
            remove(path + end)
    with MicroTetherDB(path) as db:
        assert content(db) == {"a": 1}


@only("fat", "elsewhere, these are other names")
def test_on_fat_a_space_or_dot_behind_a_name_makes_no_second_database(path):
    folder, name = path.rsplit("/", 1)
    os.mkdir(folder + "/d")
    path = folder + "/d/" + name
    db = MicroTetherDB(path)
    for other in (path + " ", path.replace(name, name.upper()) + ". .", folder + "/D./" + name):
        db["last"] = other
        again = MicroTetherDB(other)
        assert content(again) == {"last": other}
        raises(ValueError, db.__setitem__, "last", 2)
        db = again
    raises(ValueError, MicroTetherDB, path + ".tip ")
    raises(ValueError, db.backup, path + ".tmp.")
    assert content(db) == after_a_crash(path) == {"last": other}


@only("littlefs host cpython", "on FAT, these are the same name")
def test_elsewhere_a_space_or_dot_behind_a_name_makes_a_second_database(path):
    db = MicroTetherDB(path)
    others = [MicroTetherDB(path + end) for end in (" ", ".", ". .")]
    for each in [db] + others:
        each["path"] = repr(each)
    assert len({each["path"] for each in [db] + others}) == 4
    raises(ValueError, MicroTetherDB, path + "..log")
    raises(ValueError, db.backup, path + " .tip")


@only("fat", "elsewhere, letter case makes another file")
def test_on_fat_a_file_of_an_open_database_is_known_in_any_letter_case(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    folder, name = path.rsplit("/", 1)
    for end in (".TIP", ".log", ".Tmp"):
        other = folder + "/" + name.upper() + end
        raises(ValueError, db.backup, other)
        raises(ValueError, MicroTetherDB, other)
    db["b"] = 2
    assert content(db) == after_a_crash(path) == {"a": 1, "b": 2}


@only("micropython", "a PC's file names may have them")
def test_a_path_with_a_control_character_or_backslash_is_refused(path):
    """A line of a settings file, say. FAT's names end there: X and all its files would be one. And
    it takes a backslash for a slash, so X could be open twice."""
    with MicroTetherDB(path) as db:
        for end in ("\0", "\n", "\r\n", "\t", "\x1f.db", "\n/db", "\\db"):
            assert "control" in raises(ValueError, MicroTetherDB, path + "2" + end)
            assert "control" in raises(ValueError, db.backup, path + "2" + end)
    folder, name = path.rsplit("/", 1)
    assert listed(folder) == [name]


def test_a_database_edited_by_hand_opens_when_its_last_two_lines_are_deleted(path):
    with MicroTetherDB(path) as db:
        db["a"] = 1
    edited = read(path)
    at = edited.find(b"1")
    edited = edited[:at] + b"2" + edited[at + 1 :]
    write(path, edited)
    assert "last two" in raises(ValueError, MicroTetherDB, path)
    write(path, b"\n".join(edited.split(b"\n")[:-3]) + b"\n")
    with MicroTetherDB(path) as db:
        assert content(db) == {"a": 2}


def test_a_json_file_written_by_hand_is_read_however_it_is_laid_out(path):
    expected = {"ssid": "x", "list": [1, 2]}
    for text in (
        b'{"ssid": "x", "list": [1, 2]}',
        b'{\n  "ssid": "x",\n  "list": [1,\n 2] }\n',
        b'{\r\n\t"ssid": "x",\r\n\t"list": [1, 2]}\r\n',
        b'{"ssid": "x", "list": [1, 2]}' + 20 * b" ",
        b'{"ssid": "x", "list": [1, 2]}' + 40 * b"\n",
    ):
        write(path, text)
        with MicroTetherDB(path) as db:
            assert content(db) == expected, text
        assert read(path) == text


def test_a_json_file_that_nests_beyond_any_stack_is_told(path):
    data = b'{"a": ' + b"[" * 1500 + b"]" * 1500 + b"}"
    write(path, data)
    assert path in raises(ValueError, MicroTetherDB, path)
    assert files(path) == {"": data}


def test_a_file_that_is_no_text_is_told(path):
    if reads_any_bytes():
        return
    write(path, b'{"a": "\xff\xfe"}')
    assert "UTF-8" in raises(ValueError, MicroTetherDB, path).upper()


def test_lines_of_any_length_are_read(path):
    # X is read in pieces of 512 bytes, up to the last newline in each; a line that is longer than
    # that is one by itself.
    for length in range(484, 530):
        text = "x" * length
        for expected in ({"a": text}, {"a": text, "b": [length], "c": text[383:]}):
            db = MicroTetherDB(path)
            db.clear()
            db.update(expected)
            db.flush()
            assert content(MicroTetherDB(path)) == expected, length
