"""How well it answers on recordings that it has not seen, with always-yes beside every figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from research.phantom.scene import generator
from research.tiny_vlm.clips import Window
from schemas.model_card import CardMetric

DATA = "phantoms of the same renderer, seeds held out; windows of 5 s, intervals by resampling recordings"
RESAMPLED = 400
Flags = NDArray[np.bool_]
Answers = NDArray[np.float32]
"""(windows, questions): probability of yes among yes and no."""


@dataclass(frozen=True, slots=True)
class SignScore:
    """F1 of one sign over windows."""

    sign: str
    f1: float
    lo: float
    hi: float
    always_yes: float
    """F1 of answering yes to every window."""
    n: int
    """Windows whose truth is known."""

    def line(self) -> str:
        """One row for people."""
        interval = f"({self.lo:.2f}-{self.hi:.2f})"
        return f"{self.sign:20} F1 {self.f1:.2f} {interval}   always yes {self.always_yes:.2f}   {self.n} windows"

    def metric(self) -> CardMetric:
        """The same for a card."""
        return CardMetric(
            self.sign, "f1", round(self.f1, 3), round(self.lo, 3), round(self.hi, 3), self.n, DATA,
            round(self.always_yes, 3),
        )  # fmt: skip


def score(windows: Sequence[Window], answers: Answers, signs: Sequence[str]) -> list[SignScore]:
    """Compare answers (windows, signs; yes over 0.5) with the truth; intervals by resampling whole recordings."""
    return [_score(sign, windows, answers[:, column]) for column, sign in enumerate(signs)]


def _score(sign: str, windows: Sequence[Window], yes: Answers) -> SignScore:
    known = np.array([sign in one.truth for one in windows])
    truth = np.array([one.truth.get(sign, False) for one in windows])[known]
    said = yes[known] > 0.5
    source = np.array([one.recording for one in windows])[known]
    recordings = np.unique(source)
    rng = generator(0, f"resampled {sign}")
    rows = {one: np.flatnonzero(source == one) for one in recordings.tolist()}
    drawn = []
    for _ in range(RESAMPLED):
        picked = np.concatenate([rows[one] for one in rng.choice(recordings, len(recordings)).tolist()])
        drawn.append(f1(truth[picked], said[picked]))
    lo, hi = np.percentile(drawn, [2.5, 97.5])
    return SignScore(sign, f1(truth, said), float(lo), float(hi), f1(truth, np.ones_like(truth)), len(truth))


def f1(truth: Flags, said: Flags) -> float:
    """2 TP / (2 TP + FP + FN); 0 when there is nothing to find and nothing was said."""
    hit = int((truth & said).sum())
    wrong = int((truth != said).sum())
    return 2 * hit / (2 * hit + wrong) if hit or wrong else 0.0
