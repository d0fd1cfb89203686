"""The quickstart: a database is made, changed, fails to be changed, and is there after a reboot.

python3 tools/examples/quickstart.py        on a PC, in a checkout: nothing to install
mpremote run tools/examples/quickstart.py   on a board that has MicroTetherDB
"""

import os
import sys

try:
    from MicroTetherDB import MicroTetherDB
except ImportError:  # on a PC: two folders up
    sys.path.append((sys.path[0] or ".") + "/../..")
    from MicroTetherDB import MicroTetherDB

FILE = "example_quickstart.db"

db = MicroTetherDB(FILE)
print("New:", db)

# Store: it is on the disk when the line is done.
db["user1"] = {"name": "John", "age": 30}
db["user2"] = {"name": "Jane", "age": 25}
db["visits"] = 1
print("Stored:", sorted(db))

# Update in place, in a block: saved at its end.
with db.transaction():
    db["user1"]["age"] = 31
    db["visits"] += 1
print("Updated:", db["user1"], "visits:", db["visits"])

# A transaction that fails leaves all as it was.
try:
    with db.transaction():
        del db["user2"]
        db["user1"]["age"] = -1
        db["visits"] += 1
        print("In the transaction:", sorted(db), db["user1"])
        raise ValueError("nobody is -1 years old")
except ValueError as error:
    print("Rolled back:", error)
print("As before:", sorted(db), db["user1"], "visits:", db["visits"])

# Reopen: nobody closed it, as when the power is cut.
db = MicroTetherDB(FILE)
print("Reopened:")
for key in sorted(db):
    print("  %s: %s" % (key, db[key]))

db.close()
os.remove(FILE)
