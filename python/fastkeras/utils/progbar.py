"""The progress bar of Keras, byte for byte."""

import os
import shutil
import sys
import time

import numpy as np

from fastkeras.utils.messages import print_msg


class Progbar:
    """Displays a progress bar.

    Args:
        target: total number of steps, None if unknown.
        width: characters of the bar.
        verbose: 0 (silent), 1 (a bar), 2 (one line at the end).
        interval: least seconds between two displays.
        stateful_metrics: names displayed as they are; all others are averaged over steps.
        stateless_metrics: names averaged over steps; all others are displayed as they are.
        unit_name: what a step is called.

    >>> import fastkeras as keras
    >>> bar = keras.utils.Progbar(2, verbose=0)
    >>> bar.update(1, [("loss", 0.5)])
    """

    def __init__(
        self,
        target,
        width=20,
        verbose=1,
        interval=0.05,
        stateful_metrics=None,
        stateless_metrics=None,
        unit_name="step",
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Only one of `stateful_metrics` or `stateless_metrics` can be provided. "
                f"Received: stateful_metrics={stateful_metrics}, stateless_metrics={stateless_metrics}"
            )
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self.stateful_metrics = set(stateful_metrics or ()) if stateless_metrics is None else None
        # Keras asks for "posix" in sys.modules, so on Linux its bar is dynamic in a pipe or a file as well.
        self._dynamic_display = os.name == "posix" or sys.stdout.isatty()
        self._seen_so_far = 0
        self._sums = {}  # name -> [sum, count], in order of appearance
        self._start = time.time()
        self._last_update = 0
        self._time_after_first_step = None
        self._prev_total_width = 0

    def update(self, current, values=None, finalize=None):
        """Move to step `current` with `values`, a list of `(name, value)`; `finalize` ends the bar."""
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._accumulate(current, values or [], finalize)
        now = time.time()
        seconds = self._estimate_step_duration(current, now)
        if self.verbose == 1:
            if now - self._last_update < self.interval and not finalize:
                return
            print_msg(self._bar_line(current, now, seconds, finalize), line_break=False)
        elif self.verbose == 2 and finalize and self.target:
            count = f"{current:{len(str(self.target))}d}/{self.target}"
            line = f"{count} - {now - self._start:.0f}s -{self._format_time(seconds, self.unit_name)}"
            print_msg(f"{line}{self._metrics(small=lambda x: x <= 1e-3)}\n", line_break=False)
        self._last_update = now

    def add(self, n, values=None):
        """Move `n` steps on."""
        self.update(self._seen_so_far + n, values)

    def _accumulate(self, current, values, finalize):
        for name, value in values:
            if self.stateful_metrics is not None:
                stateless = name not in self.stateful_metrics
            else:
                stateless = name in self.stateless_metrics
            if not stateless or finalize:
                self._sums[name] = [value, 1]
                continue
            steps = max(current - self._seen_so_far, 1)
            total = self._sums.setdefault(name, [0, 0])
            total[0] += value * steps
            total[1] += steps
        self._seen_so_far = current

    def _bar_line(self, current, now, seconds, finalize):
        if self.target:
            digits = len(str(self.target))
            done = int(self.width * (float(current) / self.target))
            count = f"{current:{digits}d}/{self.target}"
            bar = f"\x1b[1m{count}\x1b[0m "
            if done > 0:
                bar += f"\x1b[32m{'━' * done}\x1b[0m"
            bar += f"\x1b[37m{'━' * (self.width - done)}\x1b[0m"
            visible = len(count) + 1 + max(done, 0) + max(self.width - done, 0)
        else:
            bar = f"{current:7d}/Unknown"
            visible = len(bar)
        if self.target and not finalize:
            clock = _duration(seconds * (self.target - current))
        else:
            clock = f"{now - self._start:.0f}s"
        text = self._format_time(seconds, self.unit_name) + self._metrics(small=lambda x: abs(x) <= 1e-3)
        visible += 1 + len(clock)
        if not finalize and sys.stdout.isatty():
            # "\b" does not climb to the line above: what would wrap could never be erased again.
            text = text[: max(shutil.get_terminal_size().columns - 1 - visible, 0)]
        visible += len(text)
        erase = "\b" * self._prev_total_width + "\r" if self._dynamic_display else "\n"
        padding = " " * max(self._prev_total_width - visible, 0)
        self._prev_total_width = visible
        return f"{erase}{bar} \x1b[1m{clock}\x1b[0m{text}{padding}" + ("\n" if finalize else "")

    def _metrics(self, small):
        text = ""
        for name, (value, count) in self._sums.items():
            average = (value if isinstance(value, float) else np.mean(value)) / max(1, count)
            text += f" - {name}: {average:.4e}" if small(average) else f" - {name}: {average:.4f}"
        return text

    def _format_time(self, time_per_unit, unit_name):
        if time_per_unit >= 1 or time_per_unit == 0:
            return f" {time_per_unit:.0f}s/{unit_name}"
        if time_per_unit >= 1e-3:
            return f" {time_per_unit * 1e3:.0f}ms/{unit_name}"
        return f" {time_per_unit * 1e6:.0f}us/{unit_name}"

    def _estimate_step_duration(self, current, now):
        """Seconds per step, without the first one, which is not like the others (it compiles)."""
        if not current:
            return 0
        if self._time_after_first_step is not None and current > 1:
            seconds = (now - self._time_after_first_step) / (current - 1)
        else:
            seconds = (now - self._start) / current
        if current == 1:
            self._time_after_first_step = now
        return seconds


def _duration(seconds):
    whole = int(seconds)
    if seconds > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    if seconds > 60:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole}s"
