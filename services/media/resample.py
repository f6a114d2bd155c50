"""From pictures at their own times to one picture per tick of a regular clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_SLACK_S = 0.002
"""Container clocks may be as coarse as a millisecond: a tick this close to a picture's end belongs to the next one."""
LAST_S = 1.0
"""Longest time for which the last picture of a recording stands, seconds."""


def at_rate(
    items: Iterable[T], rate_hz: float, time_of: Callable[[T], float], *, lo: float = 0.0, hi: float = float("inf")
) -> Iterator[tuple[float, T]]:
    """The item nearest to each instant lo + k / rate_hz before hi, in time order, repeating or dropping items.

    The last item stands for as long as the one before it did, a second at most. Holds two items at a time.
    """
    tick = 0
    step_s = 1 / rate_hz
    held: T | None = None
    for item in items:
        if held is not None:
            step_s = time_of(item) - time_of(held)
            end = min(time_of(held) + step_s / 2, hi)
            while (time_s := lo + tick / rate_hz) < end - _SLACK_S:
                yield time_s, held
                tick += 1
            if time_s >= hi - _SLACK_S:
                return
        held = item
    if held is None:
        return
    end = min(time_of(held) + min(step_s, LAST_S), hi)
    while (time_s := lo + tick / rate_hz) < end - _SLACK_S:
        yield time_s, held
        tick += 1
