"""Scripted progress bars on a clock of our own: CASES is {name: function(Progbar class) -> what it wrote}."""

import io
import sys
import time
from unittest import mock


def script(updates, seconds=0.01, **arguments):
    """A function that feeds `updates`, lists of update() arguments, `seconds` apart."""

    def run(progbar_class):
        now = [1000.0]
        out = io.StringIO()
        with mock.patch.object(time, "time", lambda: now[0]), mock.patch.object(sys, "stdout", out):
            bar = progbar_class(**arguments)
            for update in updates:
                now[0] += seconds
                bar.update(*update)
        return out.getvalue()

    return run


def steps(count, *metrics, by=1):
    return [(i, [(name, value / i) for name, value in metrics]) for i in range(by, count + 1, by)]


CASES = {
    "averaged": script(steps(7, ("loss", 2.5), ("accuracy", 0.25)), target=7),
    "rate_limited": script(steps(200, ("loss", 2.5)), seconds=0.003, target=200),
    "stateful": script(steps(9, ("loss", 2.5), ("accuracy", 0.25)), seconds=0.2, target=9, stateful_metrics=["loss"]),
    "stateless": script(steps(9, ("loss", 2.5), ("accuracy", 0.25)), seconds=0.2, target=9, stateless_metrics=["loss"]),
    "unknown_target": script([*steps(4, ("loss", 1.0)), (4, [("loss", 0.5)], True)], seconds=0.3, target=None),
    "one_line": script(steps(12, ("loss", 1e-5), ("big", 1e7)), target=12, verbose=2),
    "silent": script(steps(3, ("loss", 1.0)), target=3, verbose=0),
    "hours": script(steps(3, ("loss", 1.0)), seconds=4000.0, target=30),
    "minutes": script(steps(3, ("loss", 1.0)), seconds=40.0, target=9),
    "microseconds": script([(i * 1000, []) for i in range(1, 6)], seconds=0.06, target=5000),
    "wide_bar": script(steps(3, ("loss", -1.0)), seconds=0.2, target=3, width=30, unit_name="sample"),
    "tiny_values": script(steps(3, ("loss", 3e-4), ("negative", -2e-4)), seconds=0.2, target=3),
    "shorter_line": script([(1, [("a", 123456.0)]), (2, [("a", -1e9)]), (3, [("a", 0.5)])], seconds=0.2, target=3),
    "repeated_last": script([(1, [("a", 1.0)]), (3, [("a", 2.0)]), (3, [("a", 4.0)], True)], seconds=0.2, target=3),
    "nan": script([(1, [("a", float("nan"))]), (2, [("a", float("inf"))])], seconds=0.2, target=2),
    "no_interval": script(steps(5, ("loss", 1.0)), seconds=0.001, target=5, interval=0),
    "from_zero": script([(0, []), (2, [("a", 1.0)])], seconds=0.1, target=2),
    "target_zero": script([(0, [("a", 1.0)])], seconds=0.1, target=0),
}
