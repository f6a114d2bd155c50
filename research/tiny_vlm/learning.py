"""The training loop: the same for the whole model and for an adapter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from research.phantom.scene import generator
from research.tiny_vlm.clips import Window
from research.tiny_vlm.lesson import Lesson

BATCH = 12
"""Windows in a step; every question is asked of each."""
WARM_UP = 20
POSITIVE_SHARE = 0.6
"""Share of windows that are drawn because they show a sign."""
LONGEST_STEP = 1.0
"""Largest norm of a gradient."""


def learn(
    lesson: Lesson,
    weights: Sequence[Any],
    windows: Sequence[Window],
    signs: Sequence[str],
    *,
    steps: int,
    rate: float,
    seed: int,
    tell: Callable[[str], None],
) -> None:
    """Change `weights` so that the first word of the answers about `windows` becomes right.

    AdamW with a warm-up and a cosine; half of the windows are shown mirrored, which changes no answer.
    """
    import torch

    rng = generator(seed, f"lessons {' '.join(signs)}")
    draw = _drawer(windows, signs, rng)
    optimizer = torch.optim.AdamW(weights, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    losses: list[float] = []
    for step in range(steps):
        now = rate * min(1.0, (step + 1) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = now
        loss: Any = lesson.loss([draw() for _ in range(BATCH)], signs, list(rng.random(BATCH) < 0.5))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, LONGEST_STEP)
        optimizer.step()
        losses.append(loss.item())
        if (step + 1) % 20 == 0:
            tell(f"step {step + 1} of {steps}: loss {np.mean(losses[-20:]):.3f}")


def _drawer(windows: Sequence[Window], signs: Sequence[str], rng: np.random.Generator) -> Callable[[], Window]:
    """Windows with each sign equally often, however long it lasts in the scripts."""
    shows = {sign: [one for one in windows if one.truth.get(sign)] for sign in signs}
    lacks = [one for one in windows if any(one.truth.get(sign) is False for sign in signs)]

    def draw() -> Window:
        pool = shows[signs[int(rng.integers(len(signs)))]] if rng.random() < POSITIVE_SHARE else lacks
        return pool[int(rng.integers(len(pool)))]

    return draw
