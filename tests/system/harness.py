"""What the system tests share: steps that are counted, a lab of their own, and what is shown when a step fails.

Each test_*.py is a program: test_x.py [--repeat N]. It ends with "N passed, N failed, N skipped".
"""
import argparse
import contextlib
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import accounts, web  # noqa: E402, F401  pylint: disable=unused-import,wrong-import-position
from lab.client import Lab, LabError, binaries  # noqa: E402  pylint: disable=wrong-import-position
from lab.cluster_view import FENCING, Cluster, WaitError, wait_for  # noqa: E402, F401  pylint: disable=wrong-import-position
from lab.watch import Watch  # noqa: E402, F401  pylint: disable=wrong-import-position

LOG_LINES = 25


class Failed(Exception):
    """A step failed, and was reported."""


def expect(condition, what):
    if not condition:
        raise LabError(what)


class Suite:
    def __init__(self, title):
        self.title, self.passed, self.failed, self.skipped, self.lab = title, 0, 0, [], None

    @contextlib.contextmanager
    def step(self, sentence):
        """One counted check. A failed one ends its scenario: the steps after it would tell nothing."""
        began = time.monotonic()
        try:
            yield
        except Exception as error:  # pylint: disable=broad-except
            self.failed += 1
            print(f"FAIL {sentence} ({time.monotonic() - began:.2f} s)\n     {error}", flush=True)
            if not isinstance(error, LabError):
                traceback.print_exc(file=sys.stdout)
            self.show_logs()
            raise Failed(sentence) from error
        self.passed += 1
        print(f"ok   {sentence} ({time.monotonic() - began:.2f} s)", flush=True)

    def skip(self, sentence, why):
        self.skipped.append(sentence)
        print(f"skipped: {sentence}: {why}", flush=True)

    def show_logs(self):
        if self.lab is None or not self.lab.running():
            return
        for node in self.lab.names:
            lines = self.lab.log(node).splitlines()[-LOG_LINES:]
            print(f"---- {node}'s log\n" + "\n".join(lines), flush=True)

    @contextlib.contextmanager
    def laboratory(self, count, **description):
        name = f"{self.title}-{os.getpid()}"
        self.lab = Lab.up(count, name=name, **description)
        try:
            yield self.lab
        finally:
            self.lab.down()
            self.lab = None

    def scenario(self, function, *arguments):
        """Runs it; a failure in it was counted by its step, or is counted here."""
        try:
            function(self, *arguments)
        except Failed:
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.failed += 1
            print(f"FAIL {function.__name__}: {error}", flush=True)
            if not isinstance(error, LabError):
                traceback.print_exc(file=sys.stdout)


def main(title, *scenarios):
    arguments = argparse.ArgumentParser(description=title)
    arguments.add_argument("--repeat", type=int, default=1, metavar="N", help="run all of it N times")
    arguments.add_argument("--only", metavar="TEXT", help="only scenarios with TEXT in their name")
    options = arguments.parse_args()
    suite = Suite(title)
    chosen = [s for s in scenarios if not options.only or options.only in s.__name__]
    if not os.access(f"{binaries()}/systoled", os.X_OK):
        suite.skip(title, f"there is no systoled in {binaries()}: ./dev build")
        chosen = []
    for turn in range(options.repeat):
        if options.repeat > 1:
            print(f"== {turn + 1} of {options.repeat}", flush=True)
        for scenario in chosen:
            suite.scenario(scenario)
    print(f"{suite.passed} passed, {suite.failed} failed, {len(suite.skipped)} skipped")
    sys.exit(1 if suite.failed else 0)
