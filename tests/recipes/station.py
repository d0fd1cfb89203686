"""What the tests of tools/examples/store_and_forward.py run, on either runtime.

    station.py FILE PORT LAST TIMEOUT

It makes readings and sends them until number LAST is acknowledged. For each reading that is on the
flash it prints its number, for each attempt to send how many are acknowledged.
"""

import sys

import store_and_forward as recipe

path, port, last, timeout = sys.argv[1:]
recipe.BROKER = "127.0.0.1"
recipe.PORT = int(port)
recipe.TIMEOUT = float(timeout)
last = int(last)
queue = recipe.Queue(path)
link = None
while queue.db["sent"] <= last:
    for _ in range(7):
        if queue.next <= last and queue.waiting() < recipe.KEEP:
            queue.put("%d" % queue.next)
            print("put", queue.next - 1)
    link = recipe.send(queue, link)
    print("sent", queue.db["sent"])
if link:
    link.close()
queue.db.close()
