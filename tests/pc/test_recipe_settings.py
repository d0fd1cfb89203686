"""tools/examples/settings.py: what a program finds when it is started, and when it was updated."""

import json

import pytest

from recipes import RUNTIMES, run

FILE = "example_settings.json"
LOAD = """
import json
import settings
db = settings.load()
{}
print(json.dumps(dict(db.items())))
db.close()
"""
DEFAULTS = {
    "version": 2,
    "wifi": {"name": "", "password": "", "hostname": "board"},
    "display": {"brightness": 80, "units": "metric"},
    "alarms": [{"at": "06:30", "on": True}],
}


@pytest.fixture(params=RUNTIMES)
def load(request, tmp_path):
    """A program's start; it returns the settings after what it does with them."""

    def start(*lines, first=""):
        output = run(request.param, first + LOAD.format("\n".join(lines)), tmp_path)
        return json.loads(output[-1])

    return start


def test_a_new_device_has_the_defaults(load):
    assert load() == DEFAULTS


@pytest.mark.parametrize(
    "old, changed",
    [
        ({}, {}),
        ({"brightness": 5}, {"display": {"brightness": 5, "units": "metric"}}),
        (
            {"wifi": {"name": "Workshop"}, "extra": [1]},
            {"wifi": {**DEFAULTS["wifi"], "name": "Workshop"}, "extra": [1]},
        ),
        (
            {"wifi": {"name": "", "hostname": "old"}},
            {"wifi": {**DEFAULTS["wifi"], "hostname": "old"}},
        ),
        ({"alarms": []}, {"alarms": []}),
        (
            {"version": 2, "display": {"units": "other"}},
            {"display": {"brightness": 80, "units": "other"}},
        ),
        ({"version": 2, "brightness": 1}, {"brightness": 1}),  # that of version 2, whatever it is
        ({"version": 3, "new": 1}, {"version": 3, "new": 1}),  # of a newer program: kept
        ({"version": 2, "wifi": None}, {}),  # edited by hand: the board boots all the same
        ({"version": 2, "wifi": "Workshop"}, {}),
    ],
)
def test_what_an_older_program_left_is_kept_and_completed(load, tmp_path, old, changed):
    (tmp_path / FILE).write_text(json.dumps(old))
    assert load() == {**DEFAULTS, **changed}
    assert load() == {**DEFAULTS, **changed}


def test_a_start_that_finds_nothing_to_do_writes_nothing(load, tmp_path):
    load()
    (file,) = tmp_path.iterdir()
    before = file.read_bytes(), file.stat().st_ino, file.stat().st_mtime_ns
    load()
    assert list(tmp_path.iterdir()) == [file]
    assert (file.read_bytes(), file.stat().st_ino, file.stat().st_mtime_ns) == before


def test_settings_and_defaults_share_nothing(load):
    change = 'with db.transaction():\n    db["wifi"]["name"] = "Cellar"\n    db["alarms"].clear()'
    changed = {"wifi": {**DEFAULTS["wifi"], "name": "Cellar"}, "alarms": []}
    assert load(change) == {**DEFAULTS, **changed}
    assert load(change, "settings.reset(db)") == DEFAULTS
    assert load("settings.reset(db)", change, "settings.reset(db)") == DEFAULTS


def test_a_migration_that_fails_changes_nothing(load, tmp_path):
    old = json.dumps({"brightness": 5, "wifi": {"name": "Workshop"}})
    (tmp_path / FILE).write_text(old)
    first = (
        "import settings\n"
        "settings.DEFAULTS['bad'] = {1}\n"
        "try:\n    settings.load()\nexcept TypeError as error:\n    print(error)\n"
        "print(open(settings.FILE).read())\n"
        "del settings.DEFAULTS['bad']\n"
    )
    found = load(first=first)
    assert found["display"]["brightness"] == 5
    assert "bad" not in found


def test_a_reset_forgets_what_the_defaults_do_not_name(load):
    assert load('db["volume"] = 7', "settings.reset(db)") == DEFAULTS
