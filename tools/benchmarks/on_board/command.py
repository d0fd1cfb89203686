"""How these programs are told what to measure."""

import json
import sys


def run(*functions):
    """Call the function that the command line names, and print its result as a line of JSON.

    The command line: the folder that MicroTetherDB is imported from, the function's name, and its
    arguments, which it gets as text.
    """
    folder, name = sys.argv[1:3]
    sys.path.insert(0, folder)
    for function in functions:
        if function.__name__ == name:
            print(json.dumps(function(*sys.argv[3:])))
