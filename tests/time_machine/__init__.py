"""A simulated life of a project: what its API answered, what training makes of it, and a third voice in plain Python.

`python -m tests.time_machine example|flights`; see docs/time-machine.md.
"""
