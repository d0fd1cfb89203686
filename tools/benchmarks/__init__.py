"""What tools/bench.py measures, by kind: flash, memory, times (on this machine), pico (on an
emulated one), and a profile. Each has its figures, and makes its tables.

on_board/ runs on MicroPython: the unix port (unix_port.py starts it) or the emulated Pico.
"""
