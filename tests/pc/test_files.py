"""What a PC has and a board hasn't: owners, modes, links, devices, and copies of an object."""

import copy
import os
import pickle
import socket
import subprocess
import sys
import tempfile

import pytest

import MicroTetherDB as module
import support
from MicroTetherDB import MicroTetherDB
from support import Small, after_a_crash, content, files, raises


def test_a_private_database_stays_private(path):
    with Small(path) as db:
        db["long"] = "x" * 900
    for mode in (0o600, 0o640, 0o604):
        os.chmod(path, mode)
        db = Small(path)
        seen = set()
        for i in range(40):
            db["k%d" % (i % 3)] = {"v": i}
            for end in files(path):
                seen.add(end)
                assert os.stat(path + end).st_mode & 0o7777 == mode, (end, i)
        assert {"", ".log", ".tip"} <= seen
        db.flush()
        assert os.stat(path).st_mode & 0o7777 == mode
        db.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_a_file_that_another_user_of_its_group_writes_stays_that_groups():
    program = """
import os, sys
sys.path.insert(0, sys.argv[2])
from MicroTetherDB import MicroTetherDB
os.setgroups([2000]), os.setgid(3000), os.setuid(1002)
with MicroTetherDB(sys.argv[1]) as db:
    db.backup(sys.argv[1] + "-backup")
    db["b"] = 2
"""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # other users can't reach tmp_path
        path = folder + "/x.db"
        with MicroTetherDB(path) as db:
            db["a"] = 1
        for place in (folder, path):
            os.chown(place, 1001, 2000)
            os.chmod(place, 0o770)
        command = [sys.executable, "-c", program, path, os.path.dirname(module.__file__)]
        subprocess.run(command, check=True, timeout=30)
        assert [os.stat(path + end).st_gid for end in ("", "-backup")] == [2000, 2000]


def test_a_new_backup_is_as_private_and_one_that_is_replaced_keeps_its_mode(path):
    backup = path + "-backup"
    with MicroTetherDB(path) as db:
        db["password"] = "secret"
        for mode in (0o600, 0o640, 0o400):
            os.chmod(path, mode)
            db.backup(backup)
            assert os.stat(backup).st_mode & 0o7777 == mode | 0o200
            os.chmod(backup, 0o660)
            db.backup(backup)
            assert os.stat(backup).st_mode & 0o7777 == 0o660
            os.remove(backup)
        os.chmod(path, 0o600)
    assert after_a_crash(path) == {"password": "secret"}


def test_a_new_database_has_the_mode_that_the_umask_says(path):
    umask = os.umask(0o027)
    try:
        with MicroTetherDB(path) as db:
            db["a"] = 1
            for end in files(path):
                assert os.stat(path + end).st_mode & 0o7777 == 0o640, end
    finally:
        os.umask(umask)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_fold_by_root_keeps_the_owner(path):
    with MicroTetherDB(path) as db:
        db["a"] = 1
    os.chown(path, 1234, 2345)
    with MicroTetherDB(path) as db:
        db["a"] = 2
        db.flush()
        db["a"] = 3
        for end in files(path):
            stat = os.stat(path + end)
            assert (stat.st_uid, stat.st_gid) == (1234, 2345), end


def test_a_file_that_is_read_only_is_read_and_not_replaced(path):
    with MicroTetherDB(path) as db:
        db["a"] = 1
    os.chmod(path, 0o444)
    before = files(path)
    with MicroTetherDB(path) as db:
        for write in (lambda: db.update(a=2), db.clear, lambda: db.pop("a")):
            with pytest.raises(PermissionError, match=f"read-only: .*{path}"):
                write()
            assert dict(db) == {"a": 1}
    assert files(path) == before
    os.chmod(path, 0o644)
    with MicroTetherDB(path) as db:
        db["a"] = 3


def test_a_planted_link_is_not_followed(path):
    victim = path + "-victim"
    support.write(victim, b"precious")
    for end in (".tmp", ".log", ".tip"):
        db = Small(path)
        db["long"] = "x" * 900
        db.flush()
        os.symlink(victim, path + end)
        for i in range(40):
            db["k%d" % (i % 3)] = {"v": i}
        db.close()
        assert support.read(victim) == b"precious", end
        assert os.listdir() in (["my.db", "my.db-victim"], ["my.db-victim", "my.db"])
        with MicroTetherDB(path) as db:
            assert len(db) == 4


@pytest.mark.parametrize("plant", [os.symlink, os.link])
@pytest.mark.parametrize("end", [".log", ".tip"])
def test_a_planted_link_is_not_followed_if_a_write_is_refused(path, plant, end):
    victim = path + "-victim"
    support.write(victim, b"precious")
    db = Small(path)
    db["long"] = "x" * 900
    db.flush()
    if end == ".log":
        db["short"] = 1  # in the tip, so that the next write begins a log
    before = dict(db)
    plant(victim, path + end)
    os.chmod(path, 0o444)
    with pytest.raises(PermissionError, match="read-only"):
        db["b"] = "y" * (120 if end == ".log" else 1)
    assert support.read(victim) == b"precious"
    assert dict(db) == after_a_crash(path) == before
    os.chmod(path, 0o644)
    db["b"] = 1
    assert dict(db) == after_a_crash(path) == {**before, "b": 1}
    db.close()
    assert support.read(victim) == b"precious"


@pytest.mark.parametrize("end", [".tip", ".log"])
def test_a_link_planted_while_a_database_is_open_is_not_followed(path, end):
    victim = path + "-victim"
    precious = b"precious\n" * 1000
    support.write(victim, precious)
    with Small(path) as db:
        db["long"] = "x" * 5000
        db.flush()
        while not {".log", ".tip"} <= set(files(path)):
            db[f"k{len(db)}"] = "x" * 50
        db["short"] = 1  # in the tip
        os.remove(path + end)
        os.symlink(victim, path + end)
        expected = {**db, "a": "y" * (1 if end == ".tip" else 900)}
        db["a"] = expected["a"]  # which folds, and so removes the link
        assert support.read(victim) == precious
        assert dict(db) == after_a_crash(path) == expected
    assert support.read(victim) == precious


def test_what_is_no_regular_file_is_no_database_and_no_backup(path):
    os.mkfifo("fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    db = MicroTetherDB(path)
    db["a"] = 1
    for special in (os.path.abspath("socket"), os.path.abspath("fifo")):
        before = os.lstat(special)
        assert special in raises(OSError, MicroTetherDB, special)
        assert special in raises(OSError, db.backup, special)
        after = os.lstat(special)
        assert (after.st_mode, after.st_ino) == (before.st_mode, before.st_ino)
        assert not os.path.exists(special + ".tmp")
    assert content(db) == after_a_crash(path) == {"a": 1}


def test_an_open_database_cannot_be_copied_or_pickled(path):
    db = MicroTetherDB(path)
    db["a"] = [1]
    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        assert path in raises(TypeError, way, db)
    db["a"] = 2
    assert content(db) == after_a_crash(path) == {"a": 2}


def test_a_folder_that_cannot_be_synced_is_no_reason_to_fail(path):
    # As on some network and FUSE file systems: the real fsync says EINVAL for what isn't a file.
    module = sys.modules["MicroTetherDB"]
    real = os.open

    def no_sync(path, flags, *mode):
        if mode:
            return real(path, flags, *mode)
        reader, writer = os.pipe()
        os.close(writer)
        return reader

    class Os:
        def __getattr__(self, name):
            return no_sync if name == "open" else getattr(os, name)

    assert os.open is real
    module.os = Os()
    try:
        with MicroTetherDB(path) as db:
            db["a"] = 1
            assert after_a_crash(path) == {"a": 1}
    finally:
        module.os = os
    with MicroTetherDB(path) as db:
        assert content(db) == {"a": 1}


def test_a_folder_whose_sync_fails_fails_the_write(path):
    module = sys.modules["MicroTetherDB"]

    class Os:
        def __getattr__(self, name):
            return fail if name == "fsync" else getattr(os, name)

    def fail(_):
        raise OSError(5, "Input/output error")

    db = MicroTetherDB(path)
    module.os = Os()
    try:
        raises(OSError, db.__setitem__, "a", 1)  # X.tip is new
    finally:
        module.os = os
    assert content(db) == after_a_crash(path) == {}
    db["b"] = 2
    assert content(db) == after_a_crash(path) == {"b": 2}


def test_a_folder_that_is_missing_is_told_and_not_the_file_that_was_to_be_in_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder for it.*/missing/my.db'$"):
        MicroTetherDB(str(tmp_path / "missing" / "my.db"))


def test_what_is_no_file_is_named_once(tmp_path):
    with pytest.raises(IsADirectoryError) as caught:
        MicroTetherDB(str(tmp_path))
    assert str(caught.value).count(str(tmp_path)) == 1
