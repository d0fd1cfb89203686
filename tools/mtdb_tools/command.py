"""What the commands have in common: how they start, end, and say what is wrong."""

import argparse
import itertools
import os
import re
import signal
import sys

from MicroTetherDB import __version__

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class Trouble(Exception):
    """What went wrong, in one line for the user."""

    status = FAILED  # the exit status


class WrongUsage(Trouble):
    """What the user has typed makes no sense."""

    status = WRONG_USAGE


class Parser(argparse.ArgumentParser):
    """Tells how to write a key that begins with "-"."""

    def __init__(self, **options):
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )

    def add_version(self):
        self.add_argument("--version", action="version", version=f"%(prog)s {__version__}")

    def parse_known_args(self, args=None, namespace=None):
        self._arguments = list(sys.argv[1:] if args is None else args)
        for argument in self._arguments:
            data = argument.encode(errors="surrogateescape")
            text = data.decode(errors="backslashreplace")
            if text != argument:
                super().error(f"an argument is not UTF-8: {text}")
        if not self._subparsers:
            args = self._options_first()
        return super().parse_known_args(args, namespace)

    def _options_first(self):
        """Return the arguments in another order: before Python 3.12.7 an argument that may be left
        out isn't found behind an option."""
        end = self._arguments.index("--") if "--" in self._arguments else len(self._arguments)
        options, others = [], []
        arguments = iter(self._arguments[:end])
        for argument in arguments:
            action = self._option_string_actions.get(argument)
            value = [*itertools.islice(arguments, 1)] if action and action.nargs is None else []
            is_complete = action and (value or action.nargs is not None)
            (options if is_complete else others).extend([argument, *value])
        return options + others + self._arguments[end:]

    def error(self, message):
        super().error(message + self._hint(message))

    def _hint(self, message):
        if message.startswith("argument -"):  # it is about an option
            return ""
        _, is_no_command, choices = message.partition("argument COMMAND: invalid choice: ")
        if is_no_command:
            database, *rest = self._arguments
            known = re.findall(r"\w+", choices.partition("choose from")[2])
            is_second = rest and rest[0] in known
            return f". The command comes first: {rest[0]} {database}" if is_second else ""
        _, is_unknown, unknown = message.partition("unrecognized arguments: ")
        arguments = unknown.split() if is_unknown else self._arguments
        for argument in itertools.takewhile(lambda it: it != "--", arguments):
            if len(argument) > 1 and argument[0] == "-" and not self._knows(argument):
                return f". If {argument} is a key or a value, put -- before it: -- {argument}"
        return ". A text with spaces needs quotes around it" if is_unknown else ""

    def _knows(self, argument):
        return argument.partition("=")[0] in self._option_string_actions


def run(main):
    """Run main() as this program, and end it with the exit status that it returns."""
    if sys.stdout is None:  # it was closed by who has started this program
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (as long as the program runs)
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # for names of folders
    name = program()
    try:
        status = attempt(name, lambda: _interruptibly(main))
    except SystemExit as end:  # --help, or wrong usage
        status = end.code
    sys.exit(attempt(name, sys.stdout.flush) or status)


def program():
    """Return the name of this program, without ".py"."""
    return os.path.basename(sys.argv[0]).removesuffix(".py")


def _interruptibly(main):
    """Return main(). Ctrl-C is an exception in it, so that it can clean up."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return main()
    finally:
        signal.signal(signal.SIGINT, before)


def attempt(name, work):
    """Return the exit status of work(). If it fails, print name and what is wrong."""
    try:
        status = work() or DONE
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # who reads the output has seen enough
        _discard_output()
        return DONE
    except KeyboardInterrupt:
        return _fail(name, "interrupted", INTERRUPTED)
    except Trouble as error:
        return _fail(name, error, error.status)
    except OSError as error:
        _discard_output()  # it may be the output that failed
        return _fail(name, sentence(error))
    except (TypeError, ValueError) as error:
        return _fail(name, error)
    except RecursionError:
        return _fail(name, "a value nests too deep")


def count(number, noun):
    """Return "1 key", "2 keys" and the like."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def sentence(error):
    """Return what an OSError says, without its number."""
    if not error.strerror:
        return str(error)
    if not error.filename or error.strerror.startswith(error.filename):
        return error.strerror
    names = f"{error.filename} to {error.filename2}" if error.filename2 else error.filename
    return f"{names}: {error.strerror}"


def tell(message, name=None):
    """Print a message in one line on the standard error. name is the program's."""
    print(f"{name or program()}:", " ".join(str(message).split()), file=sys.stderr)


def _fail(name, message, status=FAILED):
    tell(message, name)
    return status


def _discard_output():
    """Throw away what was not written yet, so that the interpreter doesn't try again."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
