"""`mpremote mip install` from a checkout and from a URL."""

import contextlib
import functools
import http.server
import threading

import pytest

import interpreter
import MicroTetherDB
import release
from mtdb_tools import deploy

IMPORT = "import MicroTetherDB as m\nprint(m.__file__, m.__version__)"
INSTALLED = f"/lib/MicroTetherDB.py {MicroTetherDB.__version__}\n"


@contextlib.contextmanager
def serving(handler):
    """Run a web server; give its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def url():
    """The checkout's address on a web server."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=interpreter.ROOT)
    with serving(handler) as url:
        yield url


def test_from_a_checkout(board):
    board.mpremote("mip", "install", interpreter.ROOT / "tools" / "package.json")
    assert board.mpremote("exec", IMPORT) == INSTALLED


def test_from_a_url(board, url):
    board.mpremote("mip", "install", f"{url}/MicroTetherDB.py")
    assert board.mpremote("exec", IMPORT) == INSTALLED


@pytest.fixture
def release_url(tmp_path):
    """The address of a release's .mpy. As GitHub does, it redirects to where the file is."""
    file = deploy.compile_module(release.BYTECODE, tmp_path)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            is_there = self.path == "/elsewhere"
            self.send_response(200 if is_there else 302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(file.read_bytes() if is_there else b"")

    with serving(Handler) as url:
        yield f"{url}/releases/latest/download/MicroTetherDB.mpy"


def test_a_releases_compiled_file(board, release_url):
    board.mpremote("mip", "install", release_url)
    assert board.mpremote("exec", IMPORT) == INSTALLED.replace(".py", ".mpy")
