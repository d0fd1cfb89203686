"""tools/examples/web_settings.py, served by MicroPython and by CPython, in a real browser."""

import shutil
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import microdot
import pytest
from broker import can_connect, wait_for
from selenium import webdriver
from selenium.webdriver.common.by import By

import interpreter
import recipes
from recipes import FOLDER, RUNTIMES, command, environment, free_port, run

MICRODOT = Path(microdot.__file__).with_name("microdot.py")  # all that a board needs of it
PORT_LINE = "PORT = 8080\n"
BAD = '<b id="injected">"&\'</b>'


class Program:
    """The recipe with a free port."""

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        source = (FOLDER / "web_settings.py").read_text()
        assert source.count(PORT_LINE) == 1
        self.path = folder / "program.py"
        self.path.write_text(source.replace(PORT_LINE, f"PORT = {self.port}\n"))


class Server(Program):
    """It runs in a process of its own."""

    def __init__(self, runtime, folder):
        super().__init__(folder)
        self.runtime = runtime
        self.output = folder / "output.txt"
        self.start()

    def start(self):
        path = [] if self.runtime == "cpython" else [MICRODOT.parent]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command(self.runtime, self.path),
                cwd=self.path.parent,
                env=environment(*path),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_for(lambda: can_connect(self.port), "the server hasn't started")

    def cut_power(self):
        self.process.kill()
        self.process.wait()


def fetch(url, form=None):
    """Return the page at url or, if there is a form, the page after that was sent."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, data, timeout=20) as answer:
        return answer.read().decode()


@pytest.fixture(params=RUNTIMES)
def server(request, tmp_path):
    server = Server(request.param, tmp_path)
    yield server
    server.cut_power()
    assert "Traceback" not in server.output.read_text()


@pytest.fixture(scope="module")
def browser():
    recipes.needs("chromium", "chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--no-proxy-server"):
        options.add_argument(argument)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    browser = webdriver.Chrome(options, service)
    browser.implicitly_wait(10)  # seconds, for a page that is just coming
    yield browser
    browser.quit()


def field(browser, name):
    return browser.find_element(By.NAME, name)


def values(browser):
    return [field(browser, name).get_attribute("value") for name in ("name", "interval")]


def save(browser, **values):
    for name, value in values.items():
        field(browser, name).clear()
        field(browser, name).send_keys(value)
    old = browser.find_element(By.TAG_NAME, "html")
    browser.find_element(By.TAG_NAME, "button").click()
    wait_for(lambda: browser.find_element(By.TAG_NAME, "html") != old, "no page came")


def message(browser):
    return browser.find_element(By.ID, "message").text


def test_what_is_saved_is_there_after_a_reload_and_a_power_cut(server, browser):
    browser.get(server.url)
    assert values(browser) == ["board", "5"]
    save(browser, name="greenhouse", interval="60")
    assert (values(browser), message(browser)) == (["greenhouse", "60"], "")
    browser.refresh()
    assert values(browser) == ["greenhouse", "60"]
    server.cut_power()
    server.start()
    browser.get(server.url)
    assert values(browser) == ["greenhouse", "60"]


def test_a_bad_value_shows_a_message_and_changes_nothing(server, browser):
    browser.get(server.url)
    save(browser, name="greenhouse", interval="0")
    assert message(browser) == "The interval must be a number from 1 to 3600."
    assert values(browser) == ["greenhouse", "0"]  # to be corrected
    browser.get(server.url)
    assert (values(browser), message(browser)) == (["board", "5"], "")


@pytest.mark.parametrize("interval", ["7", "x"])
def test_html_in_a_value_is_only_text(server, browser, interval):
    browser.get(server.url)
    save(browser, name=BAD, interval=interval)
    assert values(browser) == [BAD, interval]
    assert not browser.find_elements(By.ID, "injected")


def test_a_running_task_finds_the_new_settings(server, browser):
    browser.get(server.url)
    save(browser, name="first", interval="1")
    wait_for(lambda: "first measures every 1 s" in server.output.read_text(), "not seen")
    save(browser, name="second", interval="1")
    wait_for(lambda: "second measures every 1 s" in server.output.read_text(), "not seen")


@pytest.mark.parametrize("form", [{}, {"name": "a"}, {"name": "", "interval": "5"}])
def test_a_form_that_is_not_whole_changes_nothing(server, form):
    with pytest.raises(urllib.error.HTTPError, match="400") as raised:
        fetch(server.url, form)
    raised.value.close()
    text = fetch(server.url)
    assert 'value="board"' in text and 'value="5"' in text


def test_ctrl_c_ends_it_and_the_settings_stay(tmp_path):
    server = Server("cpython", tmp_path)
    fetch(server.url)
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(20) == 0
    assert server.output.read_text().endswith("Closed; the settings stay in example_web.db\n")
    assert (tmp_path / "example_web.db").exists()


def test_on_a_board(pseudo_board, tmp_path):
    pseudo_board.mpremote("cp", interpreter.ROOT / "MicroTetherDB.py", MICRODOT, ":")
    program = Program(tmp_path)
    pseudo_board.mpremote("cp", program.path, ":main.py")
    for name in ("board", "greenhouse"):
        pseudo_board.power_off()
        pseudo_board.power_on()
        wait_for(lambda: can_connect(program.port), "the server hasn't started")
        assert f'value="{name}"' in fetch(program.url)
        fetch(program.url, {"name": "greenhouse", "interval": "60"})


WRONG = """
import asyncio
from MicroTetherDB import MicroTetherDB

db = MicroTetherDB("my.db")
db["name"] = "board"

async def save_and_wait():
    with db.transaction():
        db["name"] = "greenhouse"
        await asyncio.sleep(0.05)  # so another task runs in the middle of this block

async def count():
    await asyncio.sleep(0.01)
    try:
        db["count"] = 1
    except RuntimeError as error:
        print(error)

async def main():
    await asyncio.gather(save_and_wait(), count())

asyncio.run(main())
print(dict(db.items()))
db.close()
"""


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_await_in_a_block_makes_the_writes_of_other_tasks_fail(runtime, tmp_path):
    error, data = run(runtime, WRONG, tmp_path)
    assert "busy" in error and "await" in error
    assert data == "{'name': 'greenhouse'}"
