"""Movement over a grid of cells, streamed from the proxy: the only module of the engine that looks at every picture."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from services.media.decode import Frame, frames

Array = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

Tick = Callable[[float], None]

LONG_SIDE_PX = 320
"""Working size: dense flow at this size takes about a millisecond and still resolves a hand of 10 px."""
CELL_PX = 10
"""Cell edge at the working size: about a hand's width of a patient who fills half of the picture's height."""
NOISE_GATE = 3.0
"""A pixel counts as changed when its smoothed difference exceeds this many times the picture's noise."""
LIGHT_JUMP = 0.02
"""A relative change of the picture's median brightness above this between two frames is light, not movement."""
MARGIN_PX = 12
"""Room around what changed, so that the flow's coarse levels see where it comes from."""
WINDOW_STEP_PX = 64
"""Windows handed to the flow are multiples of this, so that few sizes occur."""
TICK_FRAMES = 150
MOST_THREADS = 2
"""More measure no faster: Python's own share of the work is then the limit."""
LOOK_AHEAD = 2
"""Pairs of pictures per thread that wait to be measured."""
FIRST_ROOM = 1024
"""Frames for which a grid has room where its length is not known."""
CAMERA_EDGES = 3
"""Edges of the picture that move along with the camera; one may be a bare wall, which shows no movement."""
CAMERA_SHARE = 0.5
"""Camera movement is assumed when more than this share of textured cells moves together (median of their flow)."""


@dataclass(frozen=True)
class MotionGrid:
    """Movement per cell and frame of one part of a recording.

    Velocities are in picture long sides per second; x to the right, y downwards. All arrays share their first axis.
    """

    rate_hz: float
    """Frames per second at which movement was measured."""
    time_s: npt.NDArray[np.float64]
    """(n,) seconds from the recording's first frame, of the later picture of each pair."""
    velocity: npt.NDArray[np.float16]
    """(n, rows, columns, 2) mean velocity, camera movement removed."""
    speed: npt.NDArray[np.float16]
    """(n, rows, columns) mean absolute velocity."""
    camera: Array
    """(n, 2) velocity of the whole picture."""
    light: Flags
    """(n,) the light changed at once: nothing was measured."""
    same: Flags
    """(n,) the picture did not change at all: a duplicated frame."""
    aspect: float
    """Height over width of the picture."""

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the grid."""
        return self.velocity.shape[1], self.velocity.shape[2]


@dataclass(frozen=True, slots=True)
class _Step:
    """The movement between two pictures: one row of a grid."""

    time_s: float
    velocity: npt.NDArray[np.float16]
    speed: npt.NDArray[np.float16]
    camera: Array
    light: bool
    same: bool


class _FlowMeter:
    """Measures cell movement between consecutive pictures."""

    def __init__(self, height: int, width: int) -> None:
        """For pictures of this size; belongs to one thread."""
        import cv2

        cv2.setNumThreads(1)
        self._cv2 = cv2
        self._speck = np.ones((2, 2), np.uint8)
        self._dis: dict[tuple[int, int], Any] = {}
        self.rows, self.columns = _cells_of(height, width)
        self._long_side = float(max(height, width))

    def step(self, before: Frame, after: Frame) -> _Step:
        """What moved between two pictures, per second."""
        step_s = max(1e-3, after.time_s - before.time_s)
        velocity, speed, camera, light, same = self._moved(before.image, after.image)
        cells = (velocity / step_s).astype(np.float16), (speed / step_s).astype(np.float16)
        return _Step(after.time_s, *cells, camera / step_s, light, same)

    def _moved(
        self, before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8]
    ) -> tuple[Array, Array, Array, bool, bool]:
        """Velocity (rows, columns, 2) and speed (rows, columns) per frame step, camera (2,), light and same flags."""
        cv2 = self._cv2
        velocity = np.zeros((self.rows, self.columns, 2), np.float32)
        speed = np.zeros((self.rows, self.columns), np.float32)
        difference = cv2.absdiff(before, after)
        if not difference.any():
            return velocity, speed, np.zeros(2, np.float32), False, True
        light = _light_jump(before, after)
        changed = self._changed(difference)
        if light or not changed.any():
            return velocity, speed, np.zeros(2, np.float32), light, False
        flow = self._flow(before, after, changed)
        camera = _camera(cv2.resize(flow, (self.columns, self.rows), interpolation=cv2.INTER_AREA), changed)
        flow -= camera
        flow *= changed[:, :, None]
        velocity = cv2.resize(flow, (self.columns, self.rows), interpolation=cv2.INTER_AREA) / self._long_side
        # Not cv2.magnitude: its last bit depends on where in memory the picture lies, and the same video must give
        # the same numbers.
        magnitude = np.sqrt(np.square(flow[:, :, 0]) + np.square(flow[:, :, 1]))
        speed = cv2.resize(magnitude, (self.columns, self.rows), interpolation=cv2.INTER_AREA) / self._long_side
        return velocity, speed, (camera / self._long_side).astype(np.float32), False, False

    def _flow(self, before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], changed: Array) -> Array:
        """Dense flow where anything changed (a window around it), zero elsewhere."""
        x, y, width, height = self._cv2.boundingRect(changed.astype(np.uint8))
        left, right = _window(x, x + width, before.shape[1])
        top, bottom = _window(y, y + height, before.shape[0])
        size = (bottom - top, right - left)
        if size not in self._dis:
            # One instance per window size: an instance whose input changes size allocates everything again.
            self._dis[size] = self._cv2.DISOpticalFlow.create(self._cv2.DISOPTICAL_FLOW_PRESET_FAST)
        flow = np.zeros((*before.shape, 2), np.float32)
        window = np.s_[top:bottom, left:right]
        old, new = np.ascontiguousarray(before[window]), np.ascontiguousarray(after[window])
        flow[window] = self._dis[size].calc(old, new, None)
        return flow

    def _changed(self, difference: npt.NDArray[np.uint8]) -> Array:
        """1 where the picture changed by more than its noise, (height, width); specks smaller than a finger dropped."""
        cv2 = self._cv2
        height, width = difference.shape
        half = cv2.resize(cv2.blur(difference, (3, 3)), (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        # Most of the picture stands still: the median difference is the sensor's and codec's noise.
        noise = float(np.median(half[::2, ::2]))
        gate = max(2.0, NOISE_GATE * noise)
        mask = cv2.threshold(half, gate, 1, cv2.THRESH_BINARY)[1]
        mask = cv2.dilate(cv2.morphologyEx(mask, cv2.MORPH_OPEN, self._speck), self._speck)
        return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), np.float32)


def _window(low: int, high: int, limit: int) -> tuple[int, int]:
    """A span around [low, high) with a margin, its length a multiple of the window step (or the whole side)."""
    low, high = max(0, low - MARGIN_PX), min(limit, high + MARGIN_PX)
    length = min(limit, -(-(high - low) // WINDOW_STEP_PX) * WINDOW_STEP_PX)
    low = max(0, min(low, limit - length))
    return low, low + length


def _light_jump(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8]) -> bool:
    old, new = before[::4, ::4].astype(np.float32), after[::4, ::4].astype(np.float32)
    ratio = np.median((new + 8) / (old + 8))
    return bool(abs(ratio - 1.0) > LIGHT_JUMP)


def _camera(cells: Array, changed: Array) -> Array:
    """Velocity of the whole picture in pixels per frame; zero unless most of it moves together."""
    if float(changed.mean()) < CAMERA_SHARE * 0.3:
        return np.zeros(2, np.float32)
    middle = np.median(cells.reshape(-1, 2), axis=0)
    # Half of the shift itself is allowed for, so that what stands still never goes with it.
    together = np.hypot(*(cells - middle).transpose(2, 0, 1)) < 0.5 * float(np.hypot(*middle))
    # A patient who fills the picture can move most of it, but not the walls: at least three edges must come along.
    edges = (together[0], together[-1], together[:, 0], together[:, -1])
    along = sum(float(edge.mean()) > CAMERA_SHARE for edge in edges)
    whole = float(together.mean()) > CAMERA_SHARE and along >= CAMERA_EDGES
    return middle.astype(np.float32) if whole else np.zeros(2, np.float32)


def _cells_of(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the grid over a picture."""
    return max(1, round(height / CELL_PX)), max(1, round(width / CELL_PX))


@dataclass
class _Rows:
    """A growing grid: its room is taken at once, so that nothing is copied and only what is filled takes memory."""

    shape: tuple[int, int]
    room: int
    steps: list[tuple[float, Array, bool, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._velocity = np.empty((self.room, *self.shape, 2), np.float16)
        self._speed = np.empty((self.room, *self.shape), np.float16)

    def add(self, step: _Step) -> None:
        """One more row; past its room the grid is copied to half as much again."""
        count = len(self.steps)
        if count == len(self._speed):
            more = count // 2 + FIRST_ROOM
            self._velocity = np.concatenate((self._velocity, np.empty((more, *self.shape, 2), np.float16)))
            self._speed = np.concatenate((self._speed, np.empty((more, *self.shape), np.float16)))
        self._velocity[count], self._speed[count] = step.velocity, step.speed
        self.steps.append((step.time_s, step.camera, step.light, step.same))

    def grid(self, rate_hz: float, aspect: float) -> MotionGrid:
        """All rows so far."""
        count = len(self.steps)
        return MotionGrid(
            rate_hz=rate_hz,
            time_s=np.array([time_s for time_s, *_ in self.steps], np.float64),
            velocity=self._velocity[:count],
            speed=self._speed[:count],
            camera=np.array([camera for _, camera, _, _ in self.steps], np.float32).reshape(count, 2),
            light=np.array([light for _, _, light, _ in self.steps], bool),
            same=np.array([same for *_, same in self.steps], bool),
            aspect=aspect,
        )


def _steps(source: Iterator[Frame], size: tuple[int, int], threads: int) -> Generator[_Step, None, None]:
    """The movement of consecutive pictures of `size` (height, width) in their order, by so many threads."""
    if threads == 1:
        meter = _FlowMeter(*size)
        yield from (meter.step(before, after) for before, after in pairwise(source))
        return
    own = threading.local()

    def step(before: Frame, after: Frame) -> _Step:
        if not hasattr(own, "meter"):
            own.meter = _FlowMeter(*size)
        done: _Step = own.meter.step(before, after)
        return done

    waiting: deque[Future[_Step]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="flow") as pool:
        for before, after in pairwise(source):
            waiting.append(pool.submit(step, before, after))
            if len(waiting) > LOOK_AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def threads_to_use() -> int:
    """The share of the processors that the computing pool gives to this process, at most `MOST_THREADS`."""
    share = os.environ.get("OMP_NUM_THREADS", "")
    return min(MOST_THREADS, max(1, int(share) if share.isdecimal() else os.cpu_count() or 1))


def measure(
    source: Iterator[Frame],
    rate_hz: float,
    tick: Tick = lambda _: None,
    *,
    room: int = FIRST_ROOM,
    threads: int | None = None,
) -> MotionGrid:
    """Measures movement through consecutive `source` pictures (grey, one size); memory grows by 3 kB per frame.

    `tick` is told the time reached every few seconds of video. `room`: about how many pictures are expected.
    `threads`: `threads_to_use` where none is given; the grid is the same to the bit with any number.
    """
    first = next(source, None)
    if first is None:
        return _Rows((1, 1), 0).grid(rate_hz, 1.0)
    height, width = first.image.shape[:2]
    rows = _Rows(_cells_of(height, width), room)
    pictures = chain((first,), source)
    with contextlib.closing(_steps(pictures, (height, width), threads or threads_to_use())) as steps:
        for count, step in enumerate(steps, start=1):
            rows.add(step)
            if count % TICK_FRAMES == TICK_FRAMES - 1:
                tick(step.time_s)
    return rows.grid(rate_hz, height / width)


def part_of(proxy: Path, rate_hz: float, span: tuple[float, float], tick: Tick = lambda _: None) -> MotionGrid:
    """The movement of the proxy within `span` (seconds) at about `rate_hz`."""
    pictures = frames(proxy, rate_hz=rate_hz, long_side_px=LONG_SIDE_PX, colour="gray", span=span)
    return measure(pictures, rate_hz, tick, room=math.ceil((span[1] - span[0]) * rate_hz) + 1)
