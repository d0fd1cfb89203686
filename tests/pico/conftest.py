"""Makes the sweeps' workload and the emulator importable."""

import sys

import interpreter

TESTS = interpreter.ROOT / "tests"
sys.path[:0] = [str(TESTS / "pico"), str(TESTS / "sweeps")]
