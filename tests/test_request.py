"""The README's snippets that this library was asked for, unchanged."""

from MicroTetherDB import MicroTetherDB
from support import after_a_crash, content, raises

IMPORT = "from MicroTetherDB import MicroTetherDB"

BASIC = """
# Create a new database
db = MicroTetherDB("my_database.db")

# Store data
db["key"] = "value"

# Retrieve data
value = db["key"]

# Delete data
del db["key"]

# Check if key exists
if "key" in db:
    print("Key exists!")

# Iterate over all keys
for key in db:
    print(key, db[key])

# Close the database
db.close()
"""

TRANSACTION = """
# Start a transaction
with db.transaction():
    db["key1"] = "value1"
    db["key2"] = "value2"
    # If any operation fails, all changes are rolled back
"""

LOCK = """
# Acquire a lock
with db.lock():
    # Perform operations that need to be atomic
    db["key1"] = "value1"
    db["key2"] = "value2"
"""

EXAMPLE = r"""
from MicroTetherDB import MicroTetherDB

# Create or open database
db = MicroTetherDB("my_database.db")

try:
    # Store some data
    db["user1"] = {"name": "John", "age": 30}
    db["user2"] = {"name": "Jane", "age": 25}

    # Retrieve data
    user1 = db["user1"]
    print(f"User 1: {user1}")

    # Update data
    db["user1"]["age"] = 31

    # Delete data
    del db["user2"]

    # List all users
    print("\nAll users:")
    for key in db:
        print(f"{key}: {db[key]}")

finally:
    # Always close the database
    db.close()
"""

try:
    exec("f''")
except SyntaxError:  # firmware before 1.17 has no f-strings
    EXAMPLE = EXAMPLE.replace('f"User 1: {user1}"', '"User 1: %s" % user1')
    EXAMPLE = EXAMPLE.replace('f"{key}: {db[key]}"', '"%s: %s" % (key, db[key])')


def reopened():
    with MicroTetherDB("my_database.db") as db:
        return content(db)


def test_basic_operations(path):
    names = {}
    exec(IMPORT, names)
    exec(BASIC, names)
    assert names["value"] == "value"
    raises(ValueError, len, names["db"])
    assert reopened() == {}


def test_transactions_and_locking(path):
    for block in (TRANSACTION, LOCK):
        names = {"db": MicroTetherDB(path)}
        exec(block, names)
        expected = {"key1": "value1", "key2": "value2"}
        assert content(names["db"]) == after_a_crash(path) == expected
        names["db"].clear()


def test_the_example(path):
    exec(EXAMPLE, {})
    assert reopened() == {"user1": {"name": "John", "age": 31}}


def test_all_of_it_twice(path):
    names = {}
    for _ in range(2):
        for block in (IMPORT, BASIC, "db = MicroTetherDB('my_database.db')", TRANSACTION, LOCK):
            exec(block, names)
        exec("db.close()", names)
        exec(EXAMPLE, {})
    expected = {"key1": "value1", "key2": "value2", "user1": {"name": "John", "age": 31}}
    assert reopened() == expected
