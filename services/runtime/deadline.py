"""The deadline of the work that is going on, handed from hop to hop.

gRPC in Python does not pass deadlines on by itself. The server stores the remaining time of the call that it answers,
and every call made meanwhile gets at most that, less a margin to answer in time.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar

from schemas.errors import InvalidRequestError, TimeoutExceededError

_deadline: ContextVar[float | None] = ContextVar("ictogram_deadline", default=None)


def remaining_s() -> float | None:
    """Seconds left, possibly negative; None outside of any deadline."""
    deadline = _deadline.get()
    return None if deadline is None else deadline - time.monotonic()


@contextlib.contextmanager
def limit(seconds: float | None) -> Iterator[None]:
    """Whatever is called inside gets at most this many seconds (less if there already is a nearer deadline)."""
    before = _deadline.get()
    mine = None if seconds is None else time.monotonic() + seconds
    bounds = [bound for bound in (before, mine) if bound is not None]
    _deadline.set(min(bounds) if bounds else None)
    try:
        yield
    finally:
        _deadline.set(before)  # not by token: the two ends of a generator may run in different contexts


def shrunk(timeout_s: float | None, margin_s: float, what: str) -> float:
    """Time-out for the next hop: what is asked for, at most what is left less the margin.

    Raises `InvalidRequestError` without a time-out and `TimeoutExceededError` when nothing is left.
    """
    if timeout_s is None or not timeout_s > 0:
        raise InvalidRequestError(f"the call of {what} has the time-out {timeout_s}; every call needs a positive one")
    left = remaining_s()
    if left is None:
        return timeout_s
    if left <= margin_s:
        raise TimeoutExceededError(f"{left:.3f} s were left for {what}; at least {margin_s:g} s are needed")
    return min(timeout_s, left - margin_s)
