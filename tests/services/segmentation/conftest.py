"""Scenes of known truth: a bed with somebody in it, people who walk in, a camera that shakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.recording import Box, Interval, Quality, RecordingFacts
from services.segmentation.engines import PATIENT, Prompt, SegmentInput, SegmentOutput
from services.segmentation.engines.motion import MotionEngine
from tests.support import videos

Image = np.ndarray[Any, np.dtype[np.uint8]]
WIDTH, HEIGHT = 320, 180
Segment = Callable[..., SegmentOutput]


class Stage:
    """A room with things that move; `draw` is what `videos.write_video` takes."""

    def __init__(self) -> None:
        self._room = videos.scene(WIDTH, HEIGHT, noise=0)(0, 99.5)  # the block of the plain scene rests in the middle
        self._random = np.random.default_rng(5)
        self._acts: list[Callable[[Image, float], None]] = []

    def jerking(self, left: int, top: int, width: int, height: int, *, hz: float = 2.0, until_s: float = 1e9) -> Stage:
        """Somebody whose limbs swing inside this box."""

        def act(picture: Image, time_s: float) -> None:
            picture[top : top + height, left : left + width] = 150
            phase = min(until_s, time_s)
            reach = int((height - 12) * (0.5 + 0.5 * np.sin(2 * np.pi * hz * phase)))
            for column in range(left + 4, left + width - 12, 24):
                picture[top + reach : top + reach + 12, column : column + 10] = 240

        self._acts.append(act)
        return self

    def walker(self, enters_s: float, leaves_s: float, *, to: int, width: int = 36, speed: float = 90.0) -> Stage:
        """A dark figure comes in from the right to column `to`, works there, and goes out again."""

        def act(picture: Image, time_s: float) -> None:
            if not enters_s <= time_s <= leaves_s:
                return
            column = int(max(to, WIDTH - speed * (time_s - enters_s), WIDTH - speed * (leaves_s - time_s)))
            sway = int(4 * np.sin(2 * np.pi * 1.3 * time_s))
            left = max(0, column + sway)
            picture[40:176, left : left + width] = 15

        self._acts.append(act)
        return self

    def draw(self, index: int, time_s: float) -> Image:
        picture = self._room.astype(np.int16)
        for act in self._acts:
            act(picture, time_s)
        picture += np.rint(self._random.normal(0, 2, (HEIGHT, WIDTH, 1))).astype(np.int16)
        return np.clip(picture, 0, 255).astype(np.uint8)


def facts(duration_s: float, *, camera_moving: tuple[Interval, ...] = ()) -> RecordingFacts:
    return RecordingFacts(
        container="mov", codec="h264", width_px=WIDTH, height_px=HEIGHT, rotation_deg=0, duration_s=duration_s,
        start_us=0, frames=int(duration_s * 10), nominal_rate_hz=10, effective_rate_hz=10, variable_rate=False,
        interlaced=False, has_audio=False, quality=Quality(camera_moving=camera_moving),
    )  # fmt: skip


@pytest.fixture
def segment(tmp_path: Path) -> Segment:
    """`segment(stage.draw, seconds, box=…, camera_moving=…)`: what the motion engine finds."""

    def call(
        draw: Callable[[int, float], Image], seconds: float, *, box: Box | None = None,
        camera_moving: tuple[Interval, ...] = (), mask_rate_hz: float = 2.5,
    ) -> SegmentOutput:  # fmt: skip
        path = videos.write_video(tmp_path / "proxy.mp4", draw, seconds=seconds, rate=10)
        prompts = (Prompt(0.0, PATIENT, box),) if box is not None else ()
        request = SegmentInput(path, facts(seconds, camera_moving=camera_moving), mask_rate_hz, prompts)
        return MotionEngine().segment(request, lambda *_: None)

    return call
