"""tools/examples/store_and_forward.py and a real broker: every reading that was on the flash
arrives, in order, at least once, whatever is cut.

UMQTT names a folder with another version of umqtt (umqtt/simple.py) to try it with.
"""

import importlib.util
import os
import random
import subprocess
import time
from pathlib import Path

import pytest
from broker import Broker, Cable, Subscriber, wait_for

import interpreter
import recipes
from recipes import FOLDER, RUNTIMES, command, environment, run

STATION = interpreter.ROOT / "tests" / "recipes" / "station.py"
TIMEOUT = 2  # seconds that the station waits for an answer
KILLS = 200 if os.environ.get("SWEEPS") == "long" else 30
PER_KILL = 20  # readings
(INSTALLED,) = importlib.util.find_spec("umqtt").submodule_search_locations
UMQTT = Path(os.environ.get("UMQTT") or Path(INSTALLED).parent)


@pytest.fixture
def broker(tmp_path):
    recipes.needs("mosquitto")
    folder = tmp_path / "broker"
    folder.mkdir()
    with Broker(folder) as broker:
        yield broker


@pytest.fixture
def subscriber(broker):
    with Subscriber(broker) as subscriber:
        yield subscriber


@pytest.fixture
def cable(broker):
    with Cable(broker) as cable:
        yield cable


@pytest.fixture(params=RUNTIMES)
def station(request, tmp_path):
    return lambda port, last: Station(request.param, tmp_path / "queue.db", port, last)


class Station:
    """A board that makes readings and sends them, in a process of its own."""

    def __init__(self, runtime, path, port, last):
        self.runtime = runtime
        self.output = path.with_name("station.txt")
        self.start = self.output.stat().st_size if self.output.exists() else 0
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command(runtime, STATION, path, port, last, TIMEOUT),
                env=environment(UMQTT),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def lines(self):
        with self.output.open() as output:
            output.seek(self.start)
            return [line.split() for line in output.read().split("\n")[:-1]]

    def put(self):
        """Return the numbers of the readings that are known to be on the flash."""
        return [int(line[1]) for line in self.lines() if line[0] == "put"]

    def has_put(self, count):
        """Whether it has made so many readings or, as there are no more to make, has ended."""
        return len(self.put()) >= count or self.process.poll() == 0

    def failures(self):
        return sum(line[:2] == ["Not", "sent:"] for line in self.lines())

    def must_end(self):
        assert self.process.wait(120) == 0, self.output.read_text()[-2000:]


def test_all_readings_arrive_in_order(broker, subscriber, station):
    with station(broker.port, 49) as process:
        process.must_end()
        assert process.failures() == 0
    subscriber.must_have(range(50))
    assert len(subscriber.readings) == 50  # none twice, as nothing was cut


def test_the_network_is_cut(broker, subscriber, cable, station):
    with station(cable.port, 199) as process:
        for n in range(5):
            wait_for(lambda n=n: len(process.put()) > 30 * n, "no more readings are made")
            failures = process.failures()
            cable.cut()
            wait_for(lambda failures=failures: process.failures() > failures, "not noticed")
            cable.mend()
        process.must_end()
    subscriber.must_have(range(200))


def test_the_broker_answers_no_more(broker, subscriber, station):
    with station(broker.port, 199) as process:
        wait_for(lambda: len(process.put()) > 40, "no readings are made")
        broker.freeze()
        wait_for(lambda: process.failures(), "the station waits for ever")
        broker.thaw()
        process.must_end()
    subscriber.must_have(range(200))


def test_a_broker_that_never_answers_is_given_up(broker, subscriber, station):
    broker.freeze()
    with station(broker.port, 9) as process:
        if process.runtime == "cpython" or "UMQTT" in os.environ:  # the old umqtt waits here
            wait_for(process.failures, "the station waits for ever")
        broker.thaw()
        process.must_end()
    subscriber.must_have(range(10))


def test_the_broker_is_restarted(broker, subscriber, station):
    with station(broker.port, 199) as process:
        for n in range(3):
            wait_for(lambda n=n: len(process.put()) > 40 * n, "no more readings are made")
            broker.stop()
            wait_for(lambda: process.failures(), "not noticed")
            broker.start()
        process.must_end()
    subscriber.must_have(range(200))


def test_the_power_is_cut_at_random_moments(broker, subscriber, station):
    chance = random.Random(1)
    known = 0  # readings that were on the flash
    last = KILLS * PER_KILL
    for kill in range(KILLS):
        with station(broker.port, last) as process:
            count = chance.randrange(PER_KILL)
            wait_for(
                lambda p=process, n=count: p.has_put(n), f"kill {kill}: the station has stopped"
            )
            time.sleep(chance.uniform(0, 0.005))
            process.process.kill()
            process.process.wait()
            numbers = process.put()
            if numbers:
                # One reading may have reached the flash, and the power was cut before it was told.
                assert numbers[0] - known in (0, 1), f"kill {kill}"
                assert numbers == list(range(numbers[0], numbers[-1] + 1))
                known = numbers[-1] + 1
    with station(broker.port, last) as process:
        process.must_end()
    subscriber.must_have(range(last + 1))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_example_empties_its_queue(broker, subscriber, runtime, tmp_path):
    program = f"import store_and_forward as recipe; recipe.PORT = {broker.port}; recipe.main()"
    empty = tmp_path / "empty"
    empty.mkdir()
    lines = run(runtime, program, empty, UMQTT)
    assert lines[-1] == "Made: 50 waiting for the broker: 0"
    assert list(empty.iterdir()) == []
    wait_for(lambda: len(subscriber.readings) == 50, "not all have arrived")


HOW_TO_INSTALL = {
    "cpython": "pip install 'paho-mqtt>=2'",
    "micropython": "mpremote mip install umqtt.simple",
}
WITHOUT_CLIENT = """
import sys

sys.modules["paho"] = None  # umqtt isn't there
import store_and_forward as recipe

recipe.main()
"""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_client_that_is_missing_is_told_once_and_readings_wait(runtime, tmp_path):
    first, *others = run(runtime, WITHOUT_CLIENT, tmp_path)
    assert f"Install it: {HOW_TO_INSTALL[runtime]}" in first
    assert others == [f"Made: {n} waiting for the broker: {n}" for n in range(10, 51, 10)]


FULL = """
import store_and_forward as recipe

recipe.PORT = {}
queue = recipe.Queue("queue.db")
for n in range(recipe.KEEP + 50):
    queue.put(str(n))
print(len(queue.db), queue.waiting())
link = None
while queue.waiting():
    queue = recipe.Queue("queue.db")  # a reboot
    link = recipe.send(queue, link)
    print(queue.waiting())
link.close()
queue.db.close()
"""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_of_a_full_queue_the_oldest_are_dropped(broker, subscriber, runtime, tmp_path):
    lines = run(runtime, FULL.format(broker.port), tmp_path, UMQTT)
    assert lines == ["101 100", "80", "60", "40", "20", "0"]
    subscriber.must_have(range(50, 150))


OTHER_SIZE = """
import json
import store_and_forward as recipe

class Link:
    def publish(self, text):
        published.append(json.loads(text))

published = []
recipe.KEEP = {old}
queue = recipe.Queue("queue.db")
for n in range({count}):
    queue.put(n)
recipe.KEEP = {new}  # the program is updated
queue = recipe.Queue("queue.db")
print(queue.waiting())
for n in range({count}, {count} + 10):
    queue.put(n)
queue = recipe.Queue("queue.db")
while queue.waiting():
    queue.forward(Link())
numbers = [reading["n"] for reading in published]
expected = list(range(numbers[0], {count} + 10))
print(numbers == [reading["value"] for reading in published] == expected)
print(numbers[0])
queue.db.close()
"""


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(
    ("old", "new", "count", "first"),
    [
        (50, 100, 130, 80),
        (50, 100, 150, 100),  # each is in its place by chance
        (100, 50, 130, 90),
        (100, 50, 20, 0),
    ],
)
def test_a_queue_of_another_size_goes_on(runtime, old, new, count, first, tmp_path):
    lines = run(runtime, OTHER_SIZE.format(old=old, new=new, count=count), tmp_path)
    assert lines == [str(min(old, new, count)), "True", str(first)]


LONG = """
import store_and_forward as recipe

recipe.PORT = {}
link = recipe.Umqtt()
link.client.pid = 65535
link.publish('{{"n": 0, "value": "0"}}')
link.close()
"""


def test_umqtt_goes_on_after_65535_messages(broker, subscriber, tmp_path):
    run("micropython", LONG.format(broker.port), tmp_path, UMQTT)
    subscriber.must_have([0])


def test_on_a_board(broker, subscriber, pseudo_board, tmp_path):
    program = tmp_path / "program.py"
    source = (FOLDER / "store_and_forward.py").read_text()
    program.write_text(source.replace('"localhost", 1883', f'"127.0.0.1", {broker.port}'))
    pseudo_board.mpremote("cp", interpreter.ROOT / "MicroTetherDB.py", ":")
    pseudo_board.mpremote("mkdir", ":lib", "+", "mkdir", ":lib/umqtt")
    pseudo_board.mpremote("cp", UMQTT / "umqtt" / "simple.py", ":lib/umqtt/")
    lines = pseudo_board.mpremote("run", program).splitlines()
    assert lines[-1] == "Made: 50 waiting for the broker: 0"
    wait_for(lambda: len(subscriber.readings) == 50, "not all have arrived")
