import json

import support
from MicroTetherDB import MicroTetherDB
from support import Oops, content, files, found, module_with, only, raises


def work(db):
    """Use a database a little; return the data that it then has."""
    db["user1"] = {"name": "John \u20ac", "tags": [1]}
    with db.transaction():
        db["user1"]["tags"].append(2)
        with db.lock():
            db["n"] = 1
    try:
        with db.transaction():
            db.clear()
            raise Oops
    except Oops:
        pass
    for i in range(40):
        db["n"] = i
    raises(TypeError, db.__setitem__, "n", {1})
    expected = {"user1": {"name": "John \u20ac", "tags": [1, 2]}, "n": 39}
    assert content(db) == expected
    return expected


def works_the_same(module, path):
    """Check a module imported anew: it works, and its files are those of the usual one."""
    db = module.MicroTetherDB(path)
    db.TIP_SIZE = 100
    expected = work(db)
    assert found(path, files(path)) == expected
    db.close()
    with MicroTetherDB(path) as db:
        assert content(db) == expected
        db["m"] = 2
        contents = files(path)
    support.lay(path, contents)
    db = module.MicroTetherDB(path)
    assert content(db) == dict(expected, m=2)
    db.close()
    raises(ValueError, len, db)


def test_a_board_without_crc32_works_the_same(path):
    works_the_same(module_with(binascii=None), path)


@only("micropython", "CPython always has threads")
def test_a_board_without_threads_works_the_same(path):
    works_the_same(module_with(_thread=None), path)


@only("micropython", "CPython always has threads")
def test_an_esp8266_which_has_neither_works_the_same(path):
    works_the_same(module_with(_thread=None, binascii=None), path)


class OldJson:
    """json as old firmware has it: dumps() takes nothing but the value."""

    # Not `load = json.load`: before 1.13 a function in C is given self, too.
    def load(self, file):
        return json.load(file)

    def loads(self, text):
        return json.loads(text)

    def dumps(self, value):
        return json.dumps(value)


@only("micropython", "CPython's json has always taken separators")
def test_old_firmware_works_the_same(path):
    works_the_same(module_with(json=OldJson()), path)
