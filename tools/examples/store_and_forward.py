"""Store and forward: readings wait on the flash until an MQTT broker has acknowledged them.

mpremote run tools/examples/store_and_forward.py    on a board that has MicroTetherDB
python tools/examples/store_and_forward.py          on a PC, in a checkout

It needs a broker, say mosquitto, and a client: `mpremote mip install umqtt.simple` on a board,
`pip install 'paho-mqtt>=2'` on a PC. Without one of them the readings wait. Each reading
arrives at least once, and in order: after a power cut some come again, with the same number. If
the broker is away for too long the oldest are dropped, and the numbers have a gap. Any number of
boards can publish to one broker; from there Telegraf or Node-RED takes the readings to a database.
When this example ends, it removes its queue with whatever still waits: don't copy that line.
"""

import json
import os
import sys

try:
    from MicroTetherDB import MicroTetherDB
except ImportError:  # on a PC: two folders up
    sys.path.append((sys.path[0] or ".") + "/../..")
    from MicroTetherDB import MicroTetherDB

IS_BOARD = sys.implementation.name == "micropython"
NO_CLIENT = None  # why there is none
try:
    if IS_BOARD:
        from umqtt.simple import MQTTClient
    else:
        from paho.mqtt.client import CallbackAPIVersion, Client
except ImportError as error:
    NO_CLIENT = str(error)
INSTALL = "mpremote mip install umqtt.simple" if IS_BOARD else "pip install 'paho-mqtt>=2'"

FILE = "example_queue.db"
BROKER, PORT = "localhost", 1883  # on a board: the broker's address; connect to the Wi-Fi first
NAME = "station1"  # of this board: no other one may have it
TOPIC = "readings/" + NAME
KEEP = 100  # how many readings wait at most; they are in RAM, too
AT_ONCE = 20  # published before the rest of the program has its turn
TIMEOUT = 10  # seconds without an answer, then the network is taken for down


def place(n):
    """Return the key of the reading of that number."""
    return str(n % KEEP)


class Queue:
    """A ring of numbered readings: the newest takes the place of the oldest, sent or not."""

    def __init__(self, path):
        self.db = MicroTetherDB(path)
        self.db.setdefault("sent", 0)  # those with lower numbers are acknowledged, or dropped
        readings = [self.db[key] for key in self.db if key != "sent"]
        readings.sort(key=lambda reading: reading["n"])
        if readings:
            self.db["sent"] = max(self.db["sent"], readings[0]["n"])
        if any(self.db.get(place(reading["n"])) != reading for reading in readings):
            self.rearrange(readings)
        self.next = readings[-1]["n"] + 1 if readings else self.db["sent"]

    def rearrange(self, readings):
        """KEEP was changed: put the readings where they belong now, the oldest first."""
        sent = self.db["sent"]
        with self.db.transaction():
            self.db.clear()
            self.db["sent"] = sent
            for reading in readings:
                self.db[place(reading["n"])] = reading

    def oldest(self):
        return max(self.db["sent"], self.next - KEEP)

    def waiting(self):
        return self.next - self.oldest()

    def put(self, value):
        self.db[place(self.next)] = {"n": self.next, "value": value}  # now it is on the flash
        self.next += 1

    def forward(self, link):
        """Publish what waits, the oldest first."""
        sent = self.oldest()
        try:
            for n in range(sent, min(sent + AT_ONCE, self.next)):
                link.publish(json.dumps(self.db[place(n)]))
                sent = n + 1
        finally:
            self.db["sent"] = sent  # one write for all of them


class Umqtt:
    """A connection to the broker, on a board."""

    def __init__(self):
        self.client = MQTTClient(NAME, BROKER, PORT)
        try:
            self.client.connect(timeout=TIMEOUT)
        except TypeError:  # umqtt.simple before 1.5, which may wait here for ever
            self.client.connect()

    def publish(self, text):
        """Return when the broker has acknowledged the text."""
        self.client.sock.settimeout(TIMEOUT)  # with each answer umqtt forgets it
        self.client.pid = 0  # umqtt counts on past 65,535, which no answer ever has
        self.client.publish(TOPIC.encode(), text.encode(), qos=1)

    def close(self):
        self.client.sock.close()


class Paho:
    """The same on a PC."""

    def __init__(self):
        self.client = Client(CallbackAPIVersion.VERSION2, NAME)
        self.client.connect_timeout = TIMEOUT
        self.client.connect(BROKER, PORT)
        self.client.loop_start()

    def publish(self, text):
        message = self.client.publish(TOPIC, text, qos=1)
        message.wait_for_publish(TIMEOUT)
        if not message.is_published():
            raise OSError("no answer from the broker")

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def send(queue, link=None):
    """Send what waits. Return the connection, for the next time, or None if it is lost."""
    if NO_CLIENT:
        return None
    try:
        link = link or (Umqtt if IS_BOARD else Paho)()
        queue.forward(link)
        return link
    except Exception as error:  # umqtt raises IndexError, too, when the broker hangs up
        print("Not sent: %s:%d: %r" % (BROKER, PORT, error))
    if link:
        link.close()
    return None


def main():
    if NO_CLIENT:
        print("The readings only wait, for there is no MQTT client (%s)." % NO_CLIENT, end=" ")
        print("Install it: " + INSTALL)
    queue = Queue(FILE)
    link = None
    for n in range(50):
        queue.put(20 + n % 5)  # a real program measures here, and sleeps
        if n % 10 == 9:
            link = send(queue, link)
            print("Made:", n + 1, "waiting for the broker:", queue.waiting())
    if link:
        link.close()
    queue.db.close()
    os.remove(FILE)  # a real program keeps what waits


if __name__ == "__main__":
    main()
