"""Runs the behaviour tests of tests/test_*.py on MicroPython: on a board, or as pytest's hand.

All of them on the connected board, with the library as it is brought there:

    python3 tools/deploy.py
    mpremote mount tests run tests/board.py

Each test gets an empty scratch folder on the board's own flash. A line `ok` or `FAIL` is printed
for each, or `skip` if it takes more RAM than the board has, and a last one, `N passed, N failed`.
With the tests copied onto the board, they can be run by another program:

    import board
    board.run_all("/scratch", "/tests")     # returns how many failed

pytest (conftest.py) runs one test in a fresh interpreter, on a file system in RAM or in a folder:

    micropython tests/board.py littlefs test_mapping test_x
    micropython tests/board.py host test_mapping test_x /tmp/folder

Then the exit status is 1 if it fails, and its traceback is on the standard error.
"""

import gc
import os
import sys

DISK = "/disk"  # where pytest's tests have their file system


def file_systems():
    """Return the names of the file systems that this interpreter has."""
    known = (("littlefs", "VfsLfs2"), ("fat", "VfsFat"))
    return ["host"] + [name for name, driver in known if hasattr(flash().vfs, driver)]


def flash():
    import flash  # only where it's needed: a board has no room to spare

    return flash


def load(module, runtime):
    """Import a test module; return its tests that run on that runtime, as {name: function}."""
    import MicroTetherDB  # noqa: F401 (first: where it is source, compiling it takes most RAM)
    import support

    support.runtime = runtime
    module = __import__(module)
    tests = {name: getattr(module, name) for name in dir(module) if name.startswith("test_")}
    return {name: tests[name] for name in tests if tests[name]}


def empty(folder):
    """Make folder if it isn't there, and remove all that is in it."""
    try:
        os.mkdir(folder)
    except OSError:
        pass
    for name in os.listdir(folder):
        name = folder + "/" + name
        if os.stat(name)[0] & 0x4000:
            empty(name)
            os.rmdir(name)
        else:
            os.remove(name)


def run_one(runtime, module, name, folder=DISK):
    if runtime != "host":
        import support

        device = flash().Flash() if runtime == "littlefs" else flash().Card()
        device.format()
        device.mount(folder)
        support.device = device
    test = load(module, runtime)[name]
    os.chdir(folder)
    test(folder + "/my.db")


def run_all(folder, tests=".", wanted=None):
    """Run the tests of the folder tests, all or those of some modules, each in an emptied folder.

    Return how many failed.
    """
    home = os.getcwd()
    os.chdir(tests)
    sys.path[:0] = [os.getcwd(), home, "/"]  # deploy.py puts the library into the last
    passed = failed = skipped = 0
    files = sorted(os.listdir())
    os.chdir(home)
    for file in files:
        if not (file.startswith("test_") and file.endswith(".py")):
            continue
        module = file[:-3]
        if wanted and module not in wanted:
            continue
        gc.collect()
        functions = load(module, "board")
        for name in sorted(functions):
            empty(folder)
            gc.collect()
            try:
                os.chdir(folder)
                functions[name](folder + "/my.db")
                passed += 1
                print("ok   %s.%s" % (module, name))
            except MemoryError:
                skipped += 1
                print("skip %s.%s: it takes more RAM" % (module, name))
            except Exception as error:
                failed += 1
                print("FAIL %s.%s" % (module, name))
                sys.print_exception(error)
            finally:
                os.chdir(home)
        del functions
        del sys.modules[module]
        gc.collect()
    empty(folder)
    os.rmdir(folder)
    if skipped:
        print("%d skipped: the board has too little RAM" % skipped)
    print("%d passed, %d failed" % (passed, failed))
    return failed


if __name__ == "__main__":
    if len(sys.argv) > 1:
        try:
            run_one(*sys.argv[1:])
        except Exception as error:
            sys.print_exception(error, sys.stderr)
            sys.exit(1)
    else:
        run_all("/mtdb_tests")
