"""What a system said of one recording, reduced to what can be scored; read from ``report.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import InvalidRequestError

ABSTAINED = ("not_assessable", "not_tested")
STATED = ("present",)
SHOWN = ("present", "possible")


@dataclass(frozen=True, slots=True)
class SaidOccurrence:
    """One instance of a sign, times as the middle of the stated interval, seconds."""

    sign: str
    onset_s: float
    offset_s: float
    side: str
    score: float
    onset_lo_s: float
    onset_hi_s: float


@dataclass(frozen=True, slots=True)
class SaidEpisode:
    """One proposed seizure, times as the middle of the stated interval, seconds."""

    id: str
    onset_s: float
    offset_s: float
    score: float
    onset_captured: bool
    offset_captured: bool
    status: Mapping[str, str]
    """Finding status by sign."""
    occurrences: tuple[SaidOccurrence, ...]
    """Occurrences of findings that are stated or shown."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Everything said of one recording."""

    duration_s: float
    assessable_s: float
    episodes: tuple[SaidEpisode, ...]
    answers: frozenset[str] | None = None
    """Signs that some engine answers for; None: not stated, so every sign counts as answered unless an episode
    abstains."""


def _middle(interval: Any) -> float:
    lo, hi = interval
    return (float(lo) + float(hi)) / 2


def _occurrence(sign: str, data: Mapping[str, Any]) -> SaidOccurrence:
    lo, hi = (float(v) for v in data["onset_s"])
    offset_s, score = _middle(data["offset_s"]), float(data["score"])
    return SaidOccurrence(sign, (lo + hi) / 2, offset_s, str(data["side"]), score, lo, hi)


def _episode(data: Mapping[str, Any]) -> SaidEpisode:
    status = {str(f["sign"]): str(f["status"]) for f in data["findings"]}
    occurrences = [
        _occurrence(str(f["sign"]), o) for f in data["findings"] if f["status"] in SHOWN for o in f["occurrences"]
    ]
    ordered = tuple(sorted(occurrences, key=lambda o: (o.onset_s, o.sign)))
    return SaidEpisode(
        str(data["id"]),
        _middle(data["onset_s"]),
        _middle(data["offset_s"]),
        float(data["score"]),
        bool(data["onset_captured"]),
        bool(data["offset_captured"]),
        status,
        ordered,
    )


def prediction_from_plain(report: Mapping[str, Any], recording_id: str | None = None) -> Prediction:
    """Reduce a report of one recording (or the named one) to what can be scored.

    Raises:
        InvalidRequestError: the report lacks a field, or holds several recordings and none is named.

    """
    try:
        recordings = report["recordings"]
        if recording_id is None and len(recordings) != 1:
            raise InvalidRequestError(f"the report holds {len(recordings)} recordings; name the one to score")
        chosen = next((r for r in recordings if recording_id is None or r["recording"]["id"] == recording_id), None)
        if chosen is None:
            raise InvalidRequestError(f"the report holds no recording {recording_id!r}")
        own = [e for e in report["episodes"] if e["recording_id"] == chosen["recording"]["id"]]
        named = [set(engine["answers"]) for engine in report.get("engines", ()) if engine.get("answers")]
        return Prediction(
            float(chosen["facts"]["duration_s"]),
            float(chosen["coverage"]["assessable_s"]),
            tuple(_episode(e) for e in own),
            frozenset().union(*named) if named else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidRequestError(f"not a report: {type(error).__name__} {error}") from error


def load_prediction(path: Path) -> Prediction:
    """Read a ``report.json``.

    Raises:
        InvalidRequestError: it is not one.

    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequestError(f"the report cannot be read: {error}") from error
    return prediction_from_plain(data)


def prediction_from_spans(spans: tuple[tuple[float, float], ...], duration_s: float) -> Prediction:
    """A detector that only says when: episodes without findings."""
    episodes = tuple(
        SaidEpisode(
            f"r1-e{number}", onset, offset, 1.0, onset_captured=True, offset_captured=True, status={}, occurrences=()
        )
        for number, (onset, offset) in enumerate(spans, start=1)
    )
    return Prediction(duration_s, duration_s, episodes, frozenset())
