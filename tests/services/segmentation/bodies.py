"""Bodies of known joints, for tests that need no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.engine import EngineInfo
from services.segmentation.joints import Joints, PixelBox

# Upright, 100 px from head to ankles, shoulders 24 px wide; the person's left is on the picture's right.
FIGURE = np.array(
    [[0, 0], [3, -3], [-3, -3], [7, -1], [-7, -1], [12, 16], [-12, 16], [18, 32], [-18, 32], [20, 48], [-20, 48],
     [8, 50], [-8, 50], [8, 74], [-8, 74], [8, 98], [-8, 98]], float,
)  # fmt: skip


def body(x: float, y: float, *, hidden: Sequence[int] = ()) -> Joints:
    """The figure with its nose at x, y."""
    visible = np.full(17, 0.9)
    visible[list(hidden)] = 0.1
    return Joints(FIGURE + np.array([x, y]), visible)


class Finder:
    """A pose engine that says what it was told to say, still by still, and remembers what it was asked."""

    def __init__(self, told: Sequence[Sequence[Joints]]) -> None:
        self.told = list(told)
        self.asked: list[tuple[PixelBox, bool]] = []

    def info(self) -> EngineInfo:
        return EngineInfo("finder", "1", "0" * 64)

    def load(self) -> None:
        """Nothing to load."""

    def find(self, image: Any, region: PixelBox, before: Joints | None) -> Sequence[Joints]:
        self.asked.append((region, before is not None))
        return self.told.pop(0) if self.told else ()
