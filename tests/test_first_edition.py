"""What the first edition has written is read, and gone on with."""

from first_edition import FILES
from MicroTetherDB import MicroTetherDB, crc32
from support import after_a_crash, content, files, found, lay, same, write


def test_files_of_the_first_edition_open_at_any_stage(path):
    for what, data, contents in FILES:
        assert same(found(path, contents), data), what


def test_files_of_the_first_edition_are_gone_on_with(path):
    for what, data, contents in FILES:
        lay(path, contents)
        db = MicroTetherDB(path)
        expected = dict(data)
        for i in range(30):
            db["new"] = expected["new"] = [i, "y" * 20]
            assert same(after_a_crash(path), expected), what
        db.close()
        assert list(files(path)) == [""]
        with MicroTetherDB(path) as db:
            assert same(content(db), expected), what


def test_a_short_file_of_the_first_edition_opens(path):
    for text, expected in ((b"{\n}\n", {}), (b'{\n"a":1\n}\n', {"a": 1})):
        bits = "{:032b}\n".format(crc32(text)).replace("0", " ").replace("1", "\t")
        write(path, text + bits.encode())
        with MicroTetherDB(path) as db:
            assert content(db) == expected
            db["b"] = 2
        with MicroTetherDB(path) as db:
            assert content(db) == dict(expected, b=2)
