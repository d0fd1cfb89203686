"""The real MQTT broker mosquitto, a subscriber that notes what arrives, and a cable to cut."""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import threading
import time

from paho.mqtt.client import CallbackAPIVersion, Client

from recipes import free_port, search_path

TOPIC = "readings/station1"


class Broker:
    """mosquitto on a free port, with a folder of its own: what it has acknowledged, it keeps."""

    def __init__(self, folder):
        self.port = free_port()
        self.config = folder / "mosquitto.conf"
        self.config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n"
            f"persistence true\npersistence_location {folder}/\nmax_queued_messages 0\n"
        )
        self.log = folder / "mosquitto.log"
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [shutil.which("mosquitto", path=search_path()), "-c", self.config],
                stdout=log,
                stderr=log,
            )
        wait_for(lambda: can_connect(self.port), "mosquitto: " + self.log.read_text())

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        self.process.wait(20)

    def freeze(self):
        """It answers no more, and hangs up on nobody: as when the network is cut."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)


class Subscriber:
    """What a database's collector gets: the readings, in the order in which they arrive."""

    def __init__(self, broker):
        self.readings = []
        self.is_ready = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, "collector", clean_session=False)
        self.client.on_connect = lambda *_: self.client.subscribe(TOPIC, qos=1)
        self.client.on_subscribe = lambda *_: self.is_ready.set()
        self.client.on_message = self._note
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        assert self.is_ready.wait(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()

    def _note(self, client, data, message):
        self.readings.append(json.loads(message.payload))

    def numbers(self):
        return [reading["n"] for reading in self.readings]

    def must_have(self, numbers):
        """Wait for the last of them, and see that all have come, in order, some perhaps twice."""
        numbers = list(numbers)
        wait_for(lambda: numbers[-1] in self.numbers(), f"{numbers[-1]} hasn't arrived")
        assert list(dict.fromkeys(self.numbers())) == numbers
        assert all(reading["value"] == str(reading["n"]) for reading in self.readings)


class Cable:
    """A TCP proxy to the broker, which can be cut: then it hangs up, after any byte."""

    def __init__(self, broker):
        self.broker = broker
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_whole = True
        self.lock = threading.Lock()
        self.pairs = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()

    def cut(self):
        with self.lock:
            self.is_whole = False
            for end in self.pairs:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self):
        self.is_whole = True

    def _accept(self):
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                board = self.listener.accept()[0]
                with self.lock:
                    if self.is_whole:
                        self._join(board)
                    else:
                        board.close()

    def _join(self, board):
        broker = socket.create_connection(("127.0.0.1", self.broker.port))
        self.pairs += [board, broker]
        for ends in ((board, broker), (broker, board)):
            threading.Thread(target=self._copy, args=ends, daemon=True).start()

    def _copy(self, source, target):
        with contextlib.suppress(OSError), source, target:
            while data := source.recv(4096):
                target.sendall(data)


def can_connect(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def wait_for(condition, message, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, message
        time.sleep(0.02)
