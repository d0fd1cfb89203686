"""`mpremote mip install` from a checkout and from a URL."""

import functools
import http.server
import threading

import pytest

import interpreter
import MicroTetherDB

IMPORT = "import MicroTetherDB as m\nprint(m.__file__, m.__version__)"
INSTALLED = f"/lib/MicroTetherDB.py {MicroTetherDB.__version__}\n"


@pytest.fixture
def url():
    """The checkout's address on a web server."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=interpreter.ROOT)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_from_a_checkout(board):
    board.mpremote("mip", "install", interpreter.ROOT / "tools" / "package.json")
    assert board.mpremote("exec", IMPORT) == INSTALLED


def test_from_a_url(board, url):
    board.mpremote("mip", "install", f"{url}/MicroTetherDB.py")
    assert board.mpremote("exec", IMPORT) == INSTALLED
