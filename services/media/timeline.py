"""Source presentation times made usable: never absent, never running backwards."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

MICROSECONDS = 1_000_000
DEFAULT_STEP_US = 40_000
"""Spacing assumed where neither the frame nor the container says anything: 25 frames per second."""


class Timed(Protocol):
    """What a decoded frame says about its time."""

    @property
    def pts(self) -> int | None: ...
    @property
    def dts(self) -> int | None: ...
    @property
    def time_base(self) -> Fraction | None: ...


def to_us(stamp: int, time_base: Fraction) -> int:
    """A stamp in whole microseconds."""
    return round(stamp * time_base * MICROSECONDS)


@dataclass(slots=True)
class Timeline:
    """Gives each frame of a stream, in presentation order, its time in microseconds.

    A frame without a stamp takes the decoding stamp or follows the one before by `step_us`; a stamp that does not grow
    (a recorder that restarted its clock, damaged stamps) shifts everything after it so that time goes on.
    """

    step_us: int = DEFAULT_STEP_US
    last_us: int | None = None
    shift_us: int = 0
    guessed: int = 0
    """Frames whose time was made up because the source gave none that could be right."""

    def place(self, frame: Timed) -> int:
        """Time of the next frame, microseconds."""
        stamp = frame.pts if frame.pts is not None else frame.dts
        if stamp is None or not frame.time_base:
            self.guessed += 1
            time_us = 0 if self.last_us is None else self.last_us + self.step_us
        else:
            time_us = to_us(stamp, frame.time_base) + self.shift_us
            if self.last_us is not None and time_us <= self.last_us:
                self.guessed += 1
                self.shift_us += self.last_us + self.step_us - time_us
                time_us = self.last_us + self.step_us
        self.last_us = time_us
        return time_us
