"""tools/examples/store_and_forward.py and a real broker: every reading that was on the flash
arrives, in order, at least once, whatever is cut.

UMQTT names a folder with another version of umqtt (umqtt/simple.py) to try it with.
"""

import os
import random
import subprocess
import time

import pytest

import interpreter
import recipes
from broker import Broker, Cable, Subscriber, wait_for
from recipes import RUNTIMES, command, environment

STATION = interpreter.ROOT / "tests" / "recipes" / "station.py"
TIMEOUT = 2  # seconds that the station waits for an answer
KILLS = 200 if os.environ.get("SWEEPS") == "long" else 30
PER_KILL = 20  # readings


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
        self.output = path.with_name("station.txt")
        self.start = self.output.stat().st_size if self.output.exists() else 0
        umqtt = os.environ.get("UMQTT") or site_packages("umqtt")
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command(runtime, STATION, path, port, last, TIMEOUT),
                env=environment(umqtt),
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

    def failures(self):
        return sum(line[:2] == ["Not", "sent:"] for line in self.lines())

    def must_end(self):
        assert self.process.wait(120) == 0, self.output.read_text()[-2000:]


def site_packages(package):
    import importlib.util

    return os.path.dirname(importlib.util.find_spec(package).submodule_search_locations[0])


def test_all_readings_arrive_in_order(broker, subscriber, station):
    with station(broker.port, 99) as process:
        process.must_end()
        assert process.failures() == 0
    subscriber.must_have(range(100))
    assert len(subscriber.readings) == 100  # none twice, as nothing was cut


def test_the_network_is_cut(broker, subscriber, cable, station):
    with station(cable.port, 999) as process:
        for n in range(5):
            wait_for(lambda n=n: len(process.put()) > 150 * n, "no more readings are made")
            failures = process.failures()
            cable.cut()
            wait_for(lambda failures=failures: process.failures() > failures, "not noticed")
            cable.mend()
        process.must_end()
    subscriber.must_have(range(1000))


def test_the_broker_answers_no_more(broker, subscriber, station):
    with station(broker.port, 999) as process:
        wait_for(lambda: len(process.put()) > 200, "no readings are made")
        broker.freeze()
        wait_for(lambda: process.failures(), "the station waits for ever")
        broker.thaw()
        process.must_end()
    subscriber.must_have(range(1000))


def test_the_broker_is_restarted(broker, subscriber, station):
    with station(broker.port, 999) as process:
        for n in range(3):
            wait_for(lambda n=n: len(process.put()) > 200 * n, "no more readings are made")
            broker.stop()
            wait_for(lambda: process.failures(), "not noticed")
            broker.start()
        process.must_end()
    subscriber.must_have(range(1000))


def test_the_power_is_cut_at_random_moments(broker, subscriber, station):
    chance = random.Random(1)
    known = 0  # readings that were on the flash
    last = KILLS * PER_KILL
    for kill in range(KILLS):
        with station(broker.port, last) as process:
            enough = known + chance.randrange(PER_KILL)
            wait_for(
                lambda p=process, n=enough: known + len(p.put()) > n or p.process.poll() == 0,
                f"kill {kill}: the station has stopped",
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
