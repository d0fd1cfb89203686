"""Settings that are edited on a web page, beside asyncio tasks that read them.

mpremote run tools/examples/web_settings.py     on a board that has MicroTetherDB and a network
python tools/examples/web_settings.py           on a PC, in a checkout

It needs microdot: `pip install microdot` makes a folder microdot/ (`pip show -f microdot` says
where). A board needs one file of it: copy microdot/microdot.py to the board, as microdot.py. Then
open http://ADDRESS:8080 in a browser. Ctrl-C ends it. What was set stays in example_web.db. The
page has no password: everybody in the network can change the settings.
"""

import asyncio
import sys

try:
    from MicroTetherDB import MicroTetherDB
except ImportError:  # on a PC: two folders up
    sys.path.append((sys.path[0] or ".") + "/../..")
    from MicroTetherDB import MicroTetherDB

try:
    from microdot import Microdot, redirect
except ImportError:
    raise ImportError(
        "microdot is missing: pip install microdot; to a board copy microdot/microdot.py of that "
        "package, as microdot.py"
    )

FILE = "example_web.db"
PORT = 8080
DEFAULTS = {"name": "board", "interval": 5}
PAGE = """<!doctype html><meta charset="utf-8"><title>Settings</title><h1>Settings</h1>
<p id="message">%s</p><form method="post">
<p><label>Name <input name="name" value="%s"></label></p>
<p><label>Interval, 1 to 3600 s <input name="interval" value="%s"></label></p>
<p><button>Save</button></p></form>"""

app = Microdot()
db = MicroTetherDB(FILE)
for key in DEFAULTS:
    db.setdefault(key, DEFAULTS[key])


def checked_name(text):
    if not 1 <= len(text) <= 32:
        raise ValueError("The name must have 1 to 32 characters.")
    return text


def checked_interval(text):
    if not (text.isdigit() and len(text) <= 4 and 1 <= int(text) <= 3600):
        raise ValueError("The interval must be a number from 1 to 3600.")
    return int(text)


def escape(value):
    """Return a value as HTML text that can do no harm, in quotes either."""
    text = str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&#39;")


def page(message, settings):
    values = [escape(value) for value in (message, settings["name"], settings["interval"])]
    return PAGE % tuple(values), {"Content-Type": "text/html; charset=utf-8"}


@app.get("/")
async def show(request):
    return page("", db)


@app.post("/")
async def save(request):
    form = request.form or {}  # all of it is there: nothing has to be awaited in the block
    new = {key: form.get(key) or "" for key in DEFAULTS}
    try:
        with db.transaction():  # all of the form or, if it raises, nothing
            db["name"] = checked_name(new["name"])
            db["interval"] = checked_interval(new["interval"])
    except ValueError as error:
        body, headers = page(error, new)
        return body, 400, headers
    return redirect("/")


async def measure():
    while True:
        print(db["name"], "measures every", db["interval"], "s")
        await asyncio.sleep(db["interval"])  # the next round finds what was set meanwhile


async def main():
    task = asyncio.create_task(measure())
    print("Open port", PORT, "in a browser.")
    try:
        await app.start_server(port=PORT)
    finally:
        task.cancel()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
    db.close()
    print("Closed; the settings stay in", FILE)
