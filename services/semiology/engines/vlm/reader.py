"""What reads pictures: one question, one score. Implemented over a model server and in process."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.model_card import ModelCard
from services.semiology.engines.vlm.pictures import Clip
from services.semiology.engines.vlm.prompts import REASON_LENGTH

TOP = 20
"""Most probable first tokens that are looked through for labels; what model servers give at most by default."""


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How a model answered one yes/no question."""

    yes: float
    """0-1: probability of yes among yes and no; 0 when it gave neither any weight. A score, see the card."""
    answer_mass: float
    """0-1: probability that the first token is yes or no at all."""
    prompt_tokens: int = 0
    """Tokens of the prompt, the pictures included."""
    cached_tokens: int = 0
    """Of these, tokens that an earlier question had already paid for."""
    generated_tokens: int = 0
    """Tokens written."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a model said yes, in its own words, and when: a claim, to be checked by a person."""

    reason: str
    """One sentence; generated text."""
    onset_s: float
    """Seconds from the clip's first picture."""
    offset_s: float
    """Seconds from the clip's first picture; at or after the onset."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What was spent since the reader was made."""

    scored: int = 0
    """Questions answered."""
    explained: int = 0
    """Second calls."""
    prompt_tokens: int = 0
    """Tokens of all prompts."""
    cached_tokens: int = 0
    """Of these, found in a cache; prompt minus cached is the uncached prefill."""
    generated_tokens: int = 0
    """Tokens written."""
    retries: int = 0
    """Calls that were made again because the server was busy or away."""

    def plus(self, other: Usage) -> Usage:
        """Both together."""
        return Usage(
            self.scored + other.scored,
            self.explained + other.explained,
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.generated_tokens + other.generated_tokens,
            self.retries + other.retries,
        )


class Reader(Protocol):
    """A base model with its adapters, ready to be asked. Calls from several threads are allowed."""

    @property
    def clips_at_once(self) -> int:
        """Clips that may usefully be asked about at the same time."""
        ...

    @property
    def usage(self) -> Usage:
        """What was spent so far."""
        ...

    def score(self, clip: Clip, questions: Sequence[str], card: ModelCard) -> list[LabelScore]:
        """One score per question, in order; `card` is the base's or that of one of its adapters.

        Raises `UnavailableError` (try the case again later), or `InvalidRequestError` or `ResourceLimitError` (it
        would fail again).
        """
        ...

    def explain(self, clip: Clip, question: str, card: ModelCard) -> Explanation | None:
        """Reason and time span after a yes; none when the model wrote nothing that can be used. Raises as `score`."""
        ...


def label_score(top: Iterable[tuple[str, float]], card: ModelCard) -> tuple[float, float]:
    """Probability of yes among the labels, and the labels' share of all, from first tokens with their logprobs.

    p = sum(yes) / (sum(yes) + sum(no)), over the full vocabulary's softmax: nothing was masked, so the mass tells
    whether the model answered at all.
    """
    yes = no = 0.0
    for token, logprob in top:
        if token in card.yes_labels:
            yes += math.exp(logprob)
        elif token in card.no_labels:
            no += math.exp(logprob)
    mass = yes + no
    return (yes / mass if mass > 0 else 0.0), min(1.0, mass)


def explanation_in(text: str) -> Explanation | None:
    """The JSON object in what a model wrote; none when there is none, or its span is no span."""
    begin, end = text.find("{"), text.rfind("}")
    try:
        found = json.loads(text[begin : end + 1])
        reason, onset_s, offset_s = str(found["reason"]).strip(), float(found["onset_s"]), float(found["offset_s"])
    except (ValueError, KeyError, TypeError):
        return None
    if not reason or not (math.isfinite(onset_s) and math.isfinite(offset_s)) or offset_s < onset_s:
        return None
    return Explanation(reason[:REASON_LENGTH], onset_s, offset_s)
