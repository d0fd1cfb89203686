import os
import sys

from MicroTetherDB import MicroTetherDB
from support import (
    Oops,
    Small,
    after_a_crash,
    compact,
    content,
    files,
    found,
    lay,
    no_writes,
    only,
    raises,
    read,
    remove,
    replaced,
    seal_of,
    write,
)


def history(path):
    """Work with a small database; return its files and its data after each step."""
    db = Small(path)
    steps = [
        lambda: db.__setitem__("a", {"v": 1}),
        lambda: db.__setitem__("b", [1, 2]),
        lambda: db.__setitem__("a", "\u20ac\n"),
        lambda: db.update({"k%d" % i: i for i in range(6)}),
        lambda: db.__delitem__("k1"),
        lambda: db.clear(),
    ]
    steps += [lambda i=i: db.__setitem__("k%d" % (i % 5), {"v": i}) for i in range(40)]
    seen = [(files(path), {})]
    for step in steps:
        step()
        seen.append((files(path), content(db)))
    db.close()
    return seen + [(files(path), content(MicroTetherDB(path)))]


def test_a_crash_after_any_write_loses_nothing(path):
    for contents, expected in history(path):
        assert found(path, contents) == expected


def test_after_a_crash_the_next_writes_are_as_durable(path):
    for contents, expected in history(path):
        lay(path, contents)
        db = Small(path)
        for i in range(3):
            db["new"] = expected["new"] = [i]
            assert content(db) == found(path, files(path)) == expected
        del expected["new"]
        del db["new"]
        assert found(path, files(path)) == expected
        db.close()
        assert list(files(path)) == [""]
        assert found(path, files(path)) == expected


def prefixes(path, contents, end):
    """What is found for each length that the file with that suffix may have been torn to."""
    whole = contents[end]
    for length in range(len(whole) + 1):
        yield length, found(path, dict(contents, **{end: whole[:length]}))


def states(path, contents, end):
    """The different states among those, in their order."""
    seen = []
    for _, state in prefixes(path, contents, end):
        if not seen or state != seen[-1]:
            seen.append(state)
    return seen


def test_a_torn_tip_loses_what_was_torn_and_nothing_else(path):
    db = MicroTetherDB(path)
    db["a"] = 0
    db.flush()
    expected = [{"a": 0}]
    for i in range(1, 4):
        db["a"] = i
        expected.append({"a": i})
    db["b"] = "\u20ac"
    expected.append({"a": 3, "b": "\u20ac"})
    del db["a"]
    expected.append({"b": "\u20ac"})
    assert states(path, files(path), ".tip") == expected


def test_a_torn_record_of_digits_is_torn_wherever_it_ends(path):
    # A checksum is eight hex digits, and so are parts of these values.
    values = 1732617600, "deadbeef 01234567 89abcdef ", {"12345678": [12345678, "12345678"]}
    for value in values:
        db = MicroTetherDB(path)
        db["a"] = 0
        db.flush()
        db["a"] = value
        assert states(path, files(path), ".tip") == [{"a": 0}, {"a": value}]
        db.close()


def test_a_torn_log_loses_what_was_torn_and_nothing_else(path):
    # The tip is missing then: it is begun anew only once its records are in the log.
    db = Small(path)
    db["long"] = "x" * 300
    db.flush()
    expected = [content(db)]
    while ".log" not in files(path) or len(files(path)[".log"]) < 200:
        db["a"] = len(expected)
        expected.append(content(db))
    contents = files(path)
    contents.pop(".tip", None)
    found_states = states(path, contents, ".log")
    assert found_states == expected[: len(found_states)]
    assert len(found_states) > 2


def test_a_torn_spill_loses_nothing(path):
    db = Small(path)
    db["long"] = "x" * 300
    db.flush()
    i = 0
    while True:
        before = files(path)
        data = content(db)
        i += 1
        db["a"] = i
        after = files(path)
        if len(after.get(".log", b"")) > len(before.get(".log", b"")):
            break
    # The tip as it was, beside a log that is cut anywhere.
    log = after[".log"]
    for length in range(len(before.get(".log", b"")), len(log) + 1):
        state = found(path, dict(before, **{".log": log[:length]}))
        assert state in (data, content(db)), length
    assert state == content(db)


def test_a_torn_batch_gives_nothing_of_a_transaction(path):
    db = MicroTetherDB(path)
    db.update(a=1, b=[2], c=3)
    db.flush()
    with db.transaction():
        db["a"] = "new"
        db["b"].append(3)
        del db["c"]
        db["d"] = {}
    before, after = {"a": 1, "b": [2], "c": 3}, {"a": "new", "b": [2, 3], "d": {}}
    contents = files(path)
    if ".tip" in contents:
        assert states(path, contents, ".tip") == [before, after]
    else:  # it was cheaper to fold
        assert found(path, contents) == after


def test_a_torn_batch_behind_a_whole_one_gives_nothing_of_its_transaction(path):
    db = MicroTetherDB(path)
    db["long"] = "x" * 600
    db.flush()
    expected = [content(db)]
    for n in range(2):
        db.update(a=n, b=n)
        expected.append(content(db))
    assert states(path, files(path), ".tip") == expected


def test_after_a_torn_record_the_next_write_is_durable(path):
    db = MicroTetherDB(path)
    db["long"] = "x" * 600
    db["a"] = 1
    db["a"] = 2
    contents = files(path)
    db.close()
    tip = contents[".tip"]
    for length in range(0, len(tip), 2):
        lay(path, dict(contents, **{".tip": tip[:length]}))
        db = MicroTetherDB(path)
        db["b"] = 1
        expected = content(db)
        assert found(path, files(path)) == expected
        db["c"] = 2
        expected["c"] = 2
        assert found(path, files(path)) == expected
        db.close()
        assert found(path, files(path)) == expected


def flipped(data, at):
    """data with one bit of its byte at that place flipped."""
    return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]


def with_three_records(path):
    """Open a database, and make a journal that is not soon folded. Return the database."""
    db = MicroTetherDB(path)
    db["long"] = "x" * 600
    db.flush()
    for i in range(3):
        db["a"] = i
    return db


def test_a_flipped_bit_in_a_record_that_others_follow_is_told(path):
    with_three_records(path)
    contents = files(path)
    last = contents[".tip"].rindex(b'["')
    for at in range(last):
        damaged = dict(contents, **{".tip": flipped(contents[".tip"], at)})
        assert ".tip" in raises(ValueError, found, path, damaged), at
        assert files(path + "2") == damaged


@compact
def test_damage_is_told_whatever_the_checksum_of_the_file_before_happens_to_be(path):
    """It may be what stands for a backup's."""
    first = "bbabbbbbabbabbbabaaaabababbabaaaaaaaaaa"
    second = "bbabaaaababaaabbaaabaaabbabaaabbaaaaaaa"
    for seal, value in (1, first), (2, second):
        with MicroTetherDB(path) as db:
            db["a"] = value
        assert seal_of(path) == seal
        db = with_three_records(path)
        damaged = files(path)
        damaged[".tip"] = damaged[".tip"].replace(b"a", b"!", 1)
        assert "damaged journal" in raises(ValueError, found, path, damaged)
        db.close()
        os.remove(path)


def test_a_flipped_bit_is_told_though_a_text_looks_like_the_end_of_a_record(path):
    db = MicroTetherDB(path)
    db["long"] = "x" * 600
    db.flush()
    db["first"] = 0
    at = len(files(path)[".tip"].rstrip())
    db["a"] = 1
    db["b"] = "[warn] something["
    contents = files(path)
    damaged = dict(contents, **{".tip": flipped(contents[".tip"], at + 3)})
    assert ".tip" in raises(ValueError, found, path, damaged)


def test_a_flipped_bit_in_the_last_record_is_like_a_torn_one(path):
    db = MicroTetherDB(path)
    for i in range(3):
        db["a"] = i
    contents = files(path)
    last = contents[".tip"].rindex(b'["')
    for at in range(last, len(contents[".tip"].rstrip())):
        left = found(path, dict(contents, **{".tip": flipped(contents[".tip"], at)}))
        assert left == {"a": 1}, at


def test_a_flipped_newline_behind_a_batch_that_others_follow_is_told(path):
    for first, second in (
        ({"a": 1}, {"c": 3}),
        ({"a": 1, "b": [["x"], "y"]}, {"c": 3}),
        ({"a": 1, "b": 2}, {"c": 3, "d": [["x"]]}),
    ):
        db = MicroTetherDB(path)
        db.clear()
        db["long"] = "x" * 600
        db.flush()
        db["before"] = 0
        db.update(first)
        end = len(files(path)[".tip"].rstrip())
        db.update(second)
        contents = files(path)
        assert contents[".tip"][end : end + 3] == b'\n["'
        damaged = dict(contents, **{".tip": flipped(contents[".tip"], end)})
        assert ".tip" in raises(ValueError, found, path, damaged), first
        assert files(path + "2") == damaged


def test_a_flipped_newline_within_the_last_batch_is_like_a_torn_one(path):
    db = MicroTetherDB(path)
    db["long"] = "x" * 600
    db.flush()
    db["before"] = 0
    before = content(db)
    start = len(files(path)[".tip"].rstrip()) + 1
    db.update(a=1, b=[["x"]], c="3", d=4)
    contents = files(path)
    for at in range(start, len(contents[".tip"].rstrip())):
        if contents[".tip"][at : at + 1] == b"\n":
            assert found(path, dict(contents, **{".tip": flipped(contents[".tip"], at)})) == before


def test_a_long_value_in_a_stale_log_is_searched_in_a_time_linear_in_its_length(path):
    import MicroTetherDB as module

    db = Small(path)
    db["base"] = 20000 * "x"
    db.flush()
    db["lists"] = [["x", "00000000 ["]] * 300  # each of them looks like the start of a record
    stale = files(path)[".log"]
    db.flush()
    db["a"] = 1
    contents = dict(files(path), **{".log": stale})
    crc32 = module.crc32
    count = [0]

    def counted(data, chain=0):
        count[0] += len(data)
        return crc32(data, chain)

    module.crc32 = counted
    try:
        assert found(path, contents) == content(db)
    finally:
        module.crc32 = crc32
    assert count[0] < 5 * (len(contents[""]) + len(stale)), count


def test_a_record_whose_end_is_there_twice_counts_once(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    contents = files(path)
    tip = contents[".tip"].rstrip() + b"\n"  # without padding
    for end in range(1, 20):
        assert found(path, dict(contents, **{".tip": tip + tip[-end:]})) == {"a": 1}


def test_a_journal_from_before_a_fold_is_ignored(path):
    db = Small(path)
    old = []
    for i in range(30):
        db["k%d" % (i % 4)] = i
        old.append(files(path))
    db.flush()
    folded = files(path)
    db["k0"] = "new"
    now = files(path)
    expected = content(db)
    # Those that belong to the X that the last fold has replaced: older ones are long gone.
    for contents in [it for it in old if it[""] == old[-1][""]]:
        journal = {end: contents[end] for end in (".log", ".tip") if end in contents}
        assert found(path, dict(journal, **{"": folded[""]})) == dict(expected, k0=28)
        assert found(path, dict(journal, **now)) == expected


def restored(path):
    """Make a database of a backup, as the README says. Return its data."""
    with MicroTetherDB(path) as db:
        db.update({"base%d" % i: 20 * "z" for i in range(5)})
        db.backup(path + "-backup")
    lay(path, files(path + "-backup"))
    return found(path, files(path))


def test_what_follows_a_restored_backup_is_told_if_it_is_damaged(path):
    data = restored(path)
    with no_writes(path), MicroTetherDB(path) as db:
        assert content(db) == data
    db = MicroTetherDB(path)
    for i in range(4):
        db["k"] = i
        assert after_a_crash(path) == dict(data, k=i)
    contents = files(path)
    for at in range(contents[".tip"].rindex(b'["')):
        damaged = dict(contents, **{".tip": flipped(contents[".tip"], at)})
        assert ".tip" in raises(ValueError, found, path, damaged), at


def test_a_journal_that_follows_a_restored_backup_already_is_folded_by_the_next_write(path):
    data = restored(path)
    db = MicroTetherDB(path)
    db._store.has_previous = True  # as the module was before
    db["k"] = 1
    contents = files(path)
    assert ".tip" in contents
    with no_writes(path):
        db = MicroTetherDB(path)
        assert content(db) == dict(data, k=1)
    db["k"] = 2
    assert files(path)[""] != contents[""]
    assert after_a_crash(path) == dict(data, k=2)


def test_a_stale_journal_does_not_come_back_when_the_data_does(path):
    db = MicroTetherDB(path)
    db.update(a=[1], b="x" * 600)
    db.flush()
    db["a"] = [2]
    stale = files(path)
    db.flush()
    lay(path, dict(stale, **{"": files(path)[""]}))  # as if cut right after the rename
    db = MicroTetherDB(path)
    assert db["a"] == [2]
    db["a"][0] = 1
    module = sys.modules["MicroTetherDB"]
    rename = module._rename
    there = []

    def looking_rename(old, new):
        rename(old, new)
        there.append(files(path))

    module._rename = looking_rename
    try:
        db.flush()  # makes the very data again that the journal once continued
    finally:
        module._rename = rename
    assert found(path, there[0])["a"] == [1]


def test_the_rename_that_fat_was_cut_in_is_finished(path):
    db = MicroTetherDB(path)
    db.update(a=1, b="\u20ac")
    db.flush()
    whole = files(path)[""]
    db["a"] = 2
    journal = files(path)
    db.close()
    # The new X.tmp is whole, the old X was removed; the old journal may be there or not.
    assert found(path, {".tmp": whole}) == {"a": 1, "b": "\u20ac"}
    stale = dict(journal, **{".tmp": files(path)[""]})
    stale.pop("")
    assert found(path, stale) == {"a": 2, "b": "\u20ac"}
    lay(path, {".tmp": whole})
    with MicroTetherDB(path):
        assert files(path) == {"": whole}


def test_a_torn_temporary_file_is_no_database(path):
    db = MicroTetherDB(path)
    db.update(a=1, b="\u20ac")
    db.flush()
    whole = files(path)[""]
    db["a"] = 2
    contents = files(path)
    journal = {end: contents[end] for end in contents if end}
    for length in range(len(whole)):
        torn = {".tmp": whole[:length]}
        # X is there: that counts.
        assert found(path, dict(contents, **torn)) == content(db)
        if length <= 70:  # no X was ever there: the creation of an empty one was cut
            assert found(path, torn) == {}
        else:
            untouched(path, torn)
        # X has gone, but not by a rename: nothing is made up.
        lay(path + "3", dict(journal, **torn))
        assert path in raises(ValueError, MicroTetherDB, path + "3")
        assert files(path + "3") == dict(journal, **torn)


def test_a_temporary_file_beside_the_file_that_it_was_to_replace_is_ignored(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    contents = files(path)
    db["a"] = 2
    db.flush()
    assert found(path, dict(contents, **{".tmp": files(path)[""]})) == {"a": 1}


def test_a_crash_in_a_block_leaves_the_state_before_it(path):
    db = Small(path)
    for i in range(30):
        before = content(db)
        with db.transaction():
            db["k%d" % (i % 3)] = {"v": i}
            db["n"] = i
            assert found(path, files(path)) == before
        assert found(path, files(path)) == content(db)
        try:
            with db.transaction():
                db.clear()
                raise Oops
        except Oops:
            pass
        assert found(path, files(path)) == content(db)


def untouched(path, contents):
    """Check that a database of those contents can't be opened, and that nothing is changed."""
    lay(path, contents)
    try:
        MicroTetherDB(path)
    except ValueError as error:
        assert path in str(error)
    else:
        raise AssertionError("opened: %r" % contents)
    assert files(path) == contents
    lay(path, {})


NO_DATABASES = [
    b"[]",
    b'["a", 1]',
    b"1",
    b'"text"',
    b"null",
    b"garbage",
    b"{",
    b'{"a": 1',
    b'{"a": ',
    b'{"a": 1, ',
    b'{"a": "x}',
    b'{"a": nope}',
    b"{a: 1}",
    b"{1: 2}",
    b"\x00" * 40,
    b"\xff" * 40,
    b" " * 40,
    b"\n",
    b"PK\x03\x04",
]


def test_what_is_no_json_object_is_no_database_and_left_alone(path):
    for data in NO_DATABASES:
        untouched(path, {"": data})
        untouched(path, {"": data, ".tip": b"00000000\n", ".log": b"x"})


@only("cpython", "MicroPython's json takes these")
def test_what_is_no_strict_json_is_no_database_and_left_alone(path):
    for data in (
        b'{"a": 1}x',
        b'{"a": 1}{}',
        b'{"a" 1}',
        b'{"a": }',
        b'{"a": [1, 2}',
        b'{"a": 1 "b": 2}',
        b'{"\xff": 1}',
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
    ):
        untouched(path, {"": data})


def test_a_file_of_0_bytes_with_a_journal_is_damaged(path):
    db = Small(path)
    db["long"] = "x" * 300
    for i in range(9):
        db["a"] = i
    contents = files(path)
    db.close()
    assert ".log" in contents
    for ends in ((".log",), (".tip",), (".log", ".tip")):
        journal = {end: contents[end] for end in ends if end in contents}
        untouched(path, dict(journal, **{"": b""}))
        untouched(path, journal)


def test_a_damaged_temporary_file_that_is_all_there_is_is_told_and_left_alone(path):
    with MicroTetherDB(path) as db:
        db.update({"a": 1, "b": "\u20ac"})
    whole = read(path)
    for at in range(len(whole)):
        damaged = flipped(whole, at)
        untouched(path, {".tmp": damaged})
        if at > 1:  # else it looks like another program's
            assert found(path, {"": whole, ".tmp": damaged}) == {"a": 1, "b": "\u20ac"}


def test_a_damaged_file_raises_or_gives_the_data_and_is_left_alone(path):
    with MicroTetherDB(path) as db:
        db.update({"a": 1, "user": {"tags": ["x", "\u20ac"]}, "": None})
        expected = content(db)
    good = read(path)
    damaged = [good[:length] for length in range(1, len(good))]
    damaged += [
        good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :] for at in range(len(good))
    ]
    damaged += [good[:at] + b"\x00" * (len(good) - at) for at in range(0, len(good), 7)]
    damaged += [good[:at] + good[at - 8 :] for at in range(8, len(good), 5)]
    refused = 0
    for data in damaged:
        write(path, data)
        try:
            db = MicroTetherDB(path)
        except ValueError as error:
            assert path in str(error)
            refused += 1
        else:
            assert content(db) == expected, data
            db.close()
        assert read(path) == data
    assert refused > len(damaged) // 2


def test_a_database_that_was_deleted_is_made_anew(path):
    with MicroTetherDB(path) as db:
        db["a"] = 1
    remove(path)
    with MicroTetherDB(path) as db:
        assert content(db) == {}
    assert os.listdir() == ["my.db"]


@only("cpython host", "it opens a hundred times, which says the same on any disk")
def test_what_is_left_of_a_failed_batch_is_no_damage(path):
    module = sys.modules["MicroTetherDB"]
    sync = module._sync

    def fail(file):
        file.flush()
        raise OSError(5)

    for length in range(1, 130):
        db = MicroTetherDB(path)
        db.clear()
        db.flush()
        db["start"] = 1
        module._sync = fail
        try:
            raises(OSError, db.update, {"k1": "x" * 30, "k2": "x" * 30, "k3": "x" * 30})
        finally:
            module._sync = sync
        db["n"] = "y" * length
        assert after_a_crash(path) == {"start": 1, "n": "y" * length}, length


def test_a_flipped_bit_at_the_end_of_the_log_is_told_by_what_is_in_the_tip(path):
    db = Small(path)
    db.update({"k%d" % i: "x" * 20 for i in range(40)})
    db.flush()
    for number in range(100):
        db["n"] = number
        if files(path).get(".log") and read(path + ".tip").count(b"\n") == 1:
            break
    assert db._store.journal[1]
    log = files(path)[".log"].rstrip() + b"\n"
    at = len(log) - 14
    contents = files(path)
    damaged = bytearray(contents[".log"])
    damaged[at] ^= 1
    contents[".log"] = bytes(damaged)
    raises(ValueError, found, path, contents)


def with_a_tip(path):
    """Make a database that has two batches in the tip, and no log."""
    db = Small(path)
    db["base"] = 3000 * "x"
    db.flush()
    db["a"] = 1
    db["a"] = 2
    return db


def test_a_flipped_newline_where_the_log_goes_on_from_an_old_tip_is_told(path):
    db = with_a_tip(path)
    for i in range(4):
        db["long%d" % i] = 200 * "v"  # longer than a tip: the old one stays as it is
    contents = files(path)
    assert found(path, contents) == content(db)
    log = contents[".log"]
    first = log.find(b"\n")  # that of '["a",1]'
    second = log.find(b"\n", first + 1)
    newlines = [first, second, log.find(b"\n", second + 1)]
    for some in (newlines[:1], newlines[1:2], newlines[:2], newlines[1:], newlines):
        damaged = dict(contents)
        for at in some:
            damaged[".log"] = flipped(damaged[".log"], at)
        assert ".log" in raises(ValueError, found, path, damaged), some
        assert files(path + "2") == damaged


def test_what_is_erased_up_to_the_end_of_a_record_that_another_follows_is_told(path):
    db = MicroTetherDB(path)
    db["a"] = 10 * "v"
    db["b"] = 2
    contents = files(path)
    tip = contents[".tip"]
    end = tip.find(b" ", tip.find(b"]"))  # its mark
    for start in range(end - 1):
        damaged = tip[:start] + bytes(end - start) + tip[end:]
        if start:  # else it looks like another program's
            raises(ValueError, found, path, dict(contents, **{".tip": damaged}))


def test_a_torn_batch_over_another_torn_one_is_a_torn_one(path):
    db = MicroTetherDB(path)
    db["a"] = 1
    start = len(files(path)[".tip"].rstrip(b" \n")) + 1
    db.update({"k%d" % n: 20 * "v" for n in range(3)})
    contents = files(path)
    old = contents[".tip"][start:]
    new = b'["long","' + 200 * b"w"
    torn = old[: old.rfind(b'["k')]  # two records of three
    for end in range(1, len(torn)):
        contents[".tip"] = contents[".tip"][:start] + new[:end] + torn[end:]
        assert found(path, contents) == {"a": 1}, end


def test_a_chain_whose_last_digit_became_a_space_is_told(path):
    seen = 0
    for n in range(200):
        db = MicroTetherDB(path)
        db["a"] = n
        db["b"] = -n
        contents = files(path)
        tip = contents[".tip"]
        at = tip.find(b"\n") - 1
        if tip[at : at + 1] == b"0":
            seen += 1
            contents[".tip"] = tip[:at] + b" " + tip[at + 1 :]
            raises(ValueError, found, path, contents)
        db.close()
        if seen == 3:
            return
    raise AssertionError("no chain ends in 0")


def test_a_journal_whose_newlines_an_editor_has_changed_is_told(path):
    db = MicroTetherDB(path)
    db["long"] = "x" * 600
    db.flush()
    db["a"] = 1
    db.update(b=2, c=[["x"]])
    contents = files(path)
    contents[".tip"] = contents[".tip"].replace(b"\n", b"\r\n")
    assert ".tip" in raises(ValueError, found, path, contents)
    assert files(path + "2") == contents


def test_a_flipped_newline_before_a_padding_of_one_byte_is_told(path):
    class OfAnESP(MicroTetherDB):
        TIP_SIZE = 120

    def put(key, size):
        db[key] = "v" * (size - len('["%s",""] 00000000\n' % key) - spaces)

    db = OfAnESP(path)
    db["base"] = 9000 * "b"
    db.flush()
    spaces = b'"base": ' in files(path)[""]  # of old firmware: after a comma, too
    for n in range(16):
        put("k%02d" % n, 248)
    put("last", 4095 - db._store.journal[1])
    assert db._store.journal[1] == 4096
    put("behind", 130)
    contents = files(path)
    assert found(path, contents) == content(db)
    for bit in range(8):
        log = contents[".log"]
        log = log[:4094] + bytes([log[4094] ^ 1 << bit]) + log[4095:]
        raises(ValueError, found, path, dict(contents, **{".log": log}))


def test_a_flipped_newline_before_the_only_batch_that_a_spill_has_brought_is_told(path):
    db = with_a_tip(path)
    db["long"] = 200 * "v"  # the tip is copied, and stays as it is
    contents = files(path)
    assert found(path, contents) == content(db)
    log = contents[".log"]
    second = log.find(b"\n", log.find(b"\n") + 1)  # that of '["a",2]'
    damaged = dict(contents, **{".log": flipped(log, second)})
    assert ".log" in raises(ValueError, found, path, damaged)


def test_each_flipped_bit_of_a_record_that_another_follows_is_told_beside_a_stale_log(path):
    db = Small(path)
    db.update({"k%d" % i: "x" * 20 for i in range(20)})
    db.flush()
    number = 0
    while not files(path).get(".log") or db._store.journal[1]:  # until it folds by itself
        number += 1
        db["n"] = number
    db.update(a=0)
    db["b"] = 1
    contents = files(path)
    tip = contents[".tip"]
    last = tip.find(b'["b"')
    for at in range(tip.find(b'["a"'), last):
        for bit in range(0, 8, 3):
            damaged = tip[:at] + bytes([tip[at] ^ 1 << bit]) + tip[at + 1 :]
            raises(ValueError, found, path, dict(contents, **{".tip": damaged}))


def test_a_flipped_newline_before_the_padding_of_a_log_that_goes_on_is_told(path):
    db = Small(path)
    db["base"] = 9000 * "x"
    db.flush()
    n = 0
    while not files(path).get(".log", b"").endswith(b" \n"):
        n += 1
        db["n"] = n
    db["long"] = 200 * "v"  # the only batch behind the padding
    contents = files(path)
    log = contents[".log"]
    assert found(path, contents) == content(db)
    damaged = dict(contents, **{".log": flipped(log, log.find(b"\n  "))})
    assert ".log" in raises(ValueError, found, path, damaged)


def test_opening_leaves_no_file_open(path):
    # On littlefs a file that is closed by the garbage collection can bring the interpreter down.
    import MicroTetherDB as module

    class Counted:
        open_ones = 0

        def __init__(self, path, mode):
            self.file = open(path, mode)  # noqa: SIM115

        def __enter__(self):
            Counted.open_ones += 1
            return self.file.__enter__()

        def __exit__(self, *error):
            Counted.open_ones -= 1
            return self.file.__exit__(*error)

    def opened(path, mode, **more):
        return Counted(path, mode) if mode == "rb" else open(path, mode, **more)

    db = Small(path)
    db.update({"k%d" % i: "x" * 20 for i in range(40)})
    db.flush()
    module.open = opened
    try:
        for number in range(12):
            db.update({"a": number, "b": number, "c": number})
            found(path, files(path))
            assert Counted.open_ones == 0, number
    finally:
        del module.open


def with_a_log(path):
    """Make a database that has a log, and one batch in the tip. Return its data and files."""
    db = Small(path)
    db["base"] = 3000 * "x"
    db.flush()
    n = 0
    while True:
        contents = files(path)
        if len(contents.get(".log", b"")) > 400 and contents[".tip"].count(b'["') == 1:
            return content(db), contents
        db["k%d" % n] = n
        n += 1


def test_a_log_that_is_missing_before_a_tip_is_told(path):
    data, contents = with_a_log(path)
    assert found(path, contents) == data
    log = contents[".log"].rstrip(b" \n") + b"\n"
    for left in (b"", log[: len(log) // 2], log[: log.rfind(b"\n", 0, -1) + 1], None):
        broken = dict(contents)
        if left is None:
            del broken[".log"]
        else:
            broken[".log"] = left
        lay(path + "2", broken)
        assert "damaged" in raises(ValueError, MicroTetherDB, path + "2")
        assert files(path + "2") == broken


def test_a_batch_whose_first_page_never_reached_the_disk_is_a_torn_one(path):
    db = MicroTetherDB(path)
    db.TIP_SIZE = 9999
    db["base"] = 1
    start = len(files(path)[".tip"].rstrip(b" \n")) + 1
    db.update({"k%02d" % n: 10 * "v" for n in range(9)})
    contents = files(path)
    tip = contents[".tip"]
    for page in range(start + 1, len(tip.rstrip(b" \n")), 3):
        for hole in (b"\0", b" "):
            contents[".tip"] = tip[:start] + hole * (page - start) + tip[page:]
            assert found(path, contents) == {"base": 1}
    db.clear()
    db.flush()
    db["long"] = 2000 * "v"
    contents = files(path)
    contents[".tip"] = contents[".tip"][:512] + bytes(512) + contents[".tip"][1024:]
    assert found(path, contents) == {}


def test_what_is_left_of_a_cut_fold_is_not_taken_for_newer_than_the_journal(path):
    db = Small(path)
    db.update(a=1, b=2)
    before = files(path)
    db.flush()
    before[".tmp"] = read(path)
    db.close()
    lay(path, before)
    db = Small(path)
    for n in range(12):
        db["n"] = n
    contents = files(path)
    del contents[""]
    lay(path + "2", contents)
    raises(ValueError, MicroTetherDB, path + "2")
    assert files(path + "2") == contents


def test_a_fold_that_is_cut_between_its_removals_leaves_what_opens(path):
    db = Small(path)
    db["long"] = 2000 * "x"
    db.flush()
    n = 0
    while ".log" not in files(path) or not files(path)[".tip"].strip():
        n += 1
        db["a"] = n
    before = files(path)
    db.flush()
    stale = dict(before)
    stale[""] = read(path)
    stale.pop(".tip")
    expected = content(db)
    assert found(path, stale) == expected
    assert found(path, dict(before, **{"": stale[""]})) == expected


def mounted_card():
    import flash

    card = flash.Card(128 * 1024)
    card.format()
    card.mount("/card")
    return card


@only("fat", "elsewhere a rename is one step")
def test_a_rename_that_was_cut_between_its_two_entries_is_told_and_nothing_is_lost(path):
    import flash
    import MicroTetherDB as module

    told = 0
    for others in range(20):  # so that the two entries of the rename are in two sectors
        cut = 0
        done = False
        while not done:
            cut += 1
            card = mounted_card()
            twin = "/card/my_data.db"
            db = MicroTetherDB(twin)
            for n in range(others):
                write("/card/f%d" % n, b"f")
            db["pad"] = 1200 * "x"
            db["a"] = {"n": 1}
            db.flush()
            db["a"]["n"] = 2
            card.cut_at = card.operations + cut
            card.cut_how = flash.BEFORE
            try:
                db.flush()
                done = True
            except OSError:
                pass
            module._opened.pop(twin)
            flash.vfs.umount("/card")
            card = card.restart()
            card.mount("/card")
            try:
                db = MicroTetherDB(twin)
                assert db["a"]["n"] in (1, 2)
                db["b"] = 1500 * "y"
                module._opened.pop(twin)
                assert len(MicroTetherDB(twin)) == 3
            except ValueError as error:
                assert "one file" in str(error)
                told += 1
                copy = read(twin)
                remove(twin)
                remove(twin + ".tmp")
                write(twin, copy)
                assert MicroTetherDB(twin)["a"]["n"] == 2
            module._opened.pop(twin)
            flash.vfs.umount("/card")
    assert told


class Cut(Exception):
    pass


class cut_rename(replaced):
    """A block in which the power is cut before a rename, or after one, for ``with``."""

    def __init__(self, is_done):
        replaced.__init__(self, "_rename", self.cut)
        self.is_done = is_done

    def cut(self, old, new):
        if self.is_done:
            self.real(old, new)
        raise Cut

    def __exit__(self, kind, error, trace):
        replaced.__exit__(self)
        return kind is Cut


def test_a_second_backup_of_the_same_data_that_is_cut_leaves_one_that_opens(path):
    backup = path + "-backup"
    with MicroTetherDB(path) as db:
        db["a"] = 1
        db.backup(backup)
        for number in range(3):
            with cut_rename(is_done=False):
                db.backup(backup)
            assert found(path, files(backup)) == {"a": 1}, number
            db.backup(backup)
        assert list(files(backup)) == [""]


def test_two_names_of_one_file_are_told_and_left_alone(path):
    backup = path + "-backup"
    with MicroTetherDB(path) as db:
        db["a"] = 1
        db.backup(backup)
        write(backup + ".tmp", read(backup))  # as a cut in a rename leaves it, on FAT
        contents = files(backup)
        db["a"] = 2
        for use in (db.backup, MicroTetherDB):
            assert "one file" in raises(ValueError, use, backup)
            assert files(backup) == contents
        remove(backup + ".tmp")
        db.backup(backup)
    assert found(path, files(backup)) == {"a": 2}


def test_a_rename_that_failed_in_between_is_told_before_it_is_written_over(path):
    def fail(old, new):
        write(new, read(old))  # what FAT makes then is a second name
        raise OSError(5)

    db = MicroTetherDB(path)
    db["a"] = 1
    db.backup(path + "-backup")
    db["a"] = 2
    with replaced("_rename", fail):
        raises(OSError, db.flush)
        raises(OSError, db.backup, path + "-backup")
    for use, of in ((db.flush, path), (lambda: db.backup(path + "-backup"), path + "-backup")):
        assert "one file" in raises(ValueError, use)
        assert files(of)[""] == files(of)[".tmp"]
        remove(of + ".tmp")
        use()
        assert found(path + "-found", files(of)) == {"a": 2}


@only("fat", "elsewhere a rename is one step")
def test_a_backup_whose_rename_was_cut_between_its_two_entries_is_not_written_over(path):
    import flash
    import MicroTetherDB as module

    told = 0
    for others in (12, 13, 14):  # so that the two entries of the rename are in two sectors
        cut = 0
        done = False
        while not done:
            cut += 1
            card = mounted_card()
            for n in range(others):
                write("/card/f%d" % n, b"f")
            db = MicroTetherDB("/card/my_data.db")
            db["pad"] = 1200 * "x"
            db.backup("/card/backup.db")
            db["n"] = 1
            card.cut_at = card.operations + cut
            card.cut_how = flash.BEFORE
            try:
                db.backup("/card/backup.db")
                done = True
            except OSError:
                pass
            module._opened.pop("/card/my_data.db")
            flash.vfs.umount("/card")
            card = card.restart()
            card.mount("/card")
            db = MicroTetherDB("/card/my_data.db")
            try:
                db.backup("/card/backup.db")
            except ValueError as error:
                assert "one file" in str(error)
                told += 1
            db["more"] = 3000 * "y"
            db.flush()
            assert len(db) == len(MicroTetherDB("/card/my_data.db")) == 3
            data = read("/card/backup.db").replace(b'": ', b'":')  # of old firmware: a blank more
            assert b'\n"pad":"xx' in data
            module._opened.pop("/card/my_data.db")
            flash.vfs.umount("/card")
    assert told


def test_a_rename_that_took_effect_but_failed_leaves_no_two_files_that_look_like_one(path):
    seen = []  # the files before and after each rename

    def fail_once(old, new):
        seen.append(files(path))
        rename(old, new)
        seen.append(files(path))
        if len(seen) == 2:
            raise OSError(5)

    for contents in ({}, {"": b'{"a": [1]}'}):
        lay(path, contents)
        db = MicroTetherDB(path)
        if not contents:
            db["a"] = [1]  # in the journal
        db["a"].append(2)
        with replaced("_rename", fail_once) as rename:
            raises(OSError, db.flush)
            db.flush()
        assert ".tmp" in seen[2]
        for left in seen[1:]:
            assert found(path, left) == {"a": [1, 2]}
        del seen[:]
        db["a"].append(3)
        db.close()
        assert after_a_crash(path) == {"a": [1, 2, 3]}
