"""Scores as JSON and as tables for a terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from research.evaluation.rates import Rate, Spread
from research.evaluation.score import Score, SignScore
from research.evaluation.studies import SEGMENT_S, FeatureScore, SegmentScore


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    # JSON has no nan; an undefined score is null.
    return None if isinstance(value, float) and math.isnan(value) else value


def scores_to_json(scores: Mapping[str, Score], about: Mapping[str, Any]) -> str:
    """Scores by system, with what they were measured on; undefined values are null."""
    plain = {"about": dict(about), "systems": {name: asdict(score) for name, score in scores.items()}}
    return json.dumps(_plain(plain), indent=2, sort_keys=True) + "\n"


def _share(value: Rate) -> str:
    if math.isnan(value.value):
        return "-"
    return f"{value.value:.2f} [{value.low:.2f}-{value.high:.2f}] {value.hits}/{value.of}"


def _number(value: float, digits: int = 2) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _spread(value: Spread) -> str:
    return "-" if not value.n else f"{value.median:.2f} ({value.lower:.2f}-{value.upper:.2f}), n {value.n}"


def episode_table(scores: Mapping[str, Score]) -> Table:
    """Systems side by side."""
    table = Table(title="Episodes (any overlap, no tolerance; 95 % Wilson intervals)")
    table.add_column("")
    for name in scores:
        table.add_column(name)
    rows: tuple[tuple[str, Callable[[Score], str]], ...] = (
        ("recordings, hours", lambda s: f"{s.recordings}, {s.hours:.2f}"),
        ("sensitivity per event", lambda s: _share(s.episodes.sensitivity)),
        ("precision", lambda s: _share(s.episodes.precision)),
        ("F1 / always yes", lambda s: f"{_number(s.episodes.f1)} / {_number(s.episodes.always_yes_f1)}"),
        ("F1, SzCORE tolerances", lambda s: _number(s.episodes_szcore.f1)),
        ("sensitivity per recording", lambda s: _share(s.video_sensitivity)),
        ("specificity per recording", lambda s: _share(s.video_specificity)),
        ("false alarms/h, all", lambda s: _number(s.episodes.false_alarms_per_h, 1)),
        ("false alarms/h, seizure-free", lambda s: _number(s.false_alarms_per_h_seizure_free, 1)),
        ("onset error s, median (IQR)", lambda s: _spread(s.episode_onset_error_s)),
        ("onset captured said right", lambda s: _share(s.onset_captured_right)),
        ("offset captured said right", lambda s: _share(s.offset_captured_right)),
        ("limb side right", lambda s: _share(s.limb_side.right)),
        ("limb side given", lambda s: _share(s.limb_side.answered)),
        ("head side right", lambda s: _share(s.head_side.right)),
        ("order, Kendall tau", lambda s: _spread(s.order_tau)),
    )
    for label, show in rows:
        table.add_row(label, *(show(score) for score in scores.values()))
    return table


def _sign_row(sign: SignScore) -> tuple[str, ...]:
    events = "-" if sign.events is None else _number(sign.events.f1)
    return (
        sign.sign,
        f"{sign.positives}/{sign.positives + sign.negatives}",
        _share(sign.sensitivity),
        _share(sign.precision),
        _number(sign.f1),
        _number(sign.always_yes_f1),
        events,
        _spread(sign.onset_error_s),
        _number(sign.abstained.value),
    )


def sign_table(name: str, score: Score) -> Table:
    """One row per sign."""
    table = Table(title=f"Signs, {name} (per recording; only findings stated as present)")
    for column in (
        "sign",
        "seen in",
        "sensitivity",
        "precision",
        "F1",
        "always yes",
        "F1 per event",
        "onset error s",
        "abstained",
    ):
        table.add_column(column)
    for sign in score.signs:
        table.add_row(*_sign_row(sign))
    return table


def report(scores: Mapping[str, Score]) -> RenderableType:
    """All tables; a system that never names a sign gets no table of signs."""
    speaking = {name: s for name, s in scores.items() if any(sign.abstained.value < 1 for sign in s.signs)}
    return Group(episode_table(scores), *(sign_table(name, s) for name, s in speaking.items()))


def segment_table(scores: Sequence[SegmentScore]) -> Table:
    """The EpiVLM study's figures for a terminal."""
    table = Table(title=f"As EpiVLM scores: {SEGMENT_S:g} s segments")
    for column in ("sign", "segments", "accuracy", "sensitivity", "false videos", "delay s", "F1", "always yes"):
        table.add_column(column)
    for one in scores:
        delay = f"{one.delay_s.median:.1f}, n {one.delay_s.n}" if one.delay_s.n else "-"
        cells = (_share(one.accuracy), _share(one.sensitivity), _share(one.false_videos), delay)
        table.add_row(one.sign, str(one.segments), *cells, _number(one.f1), _number(one.always_yes_f1))
    return table


def feature_table(scores: Sequence[FeatureScore]) -> Table:
    """The PathMotionMLLM study's figures for a terminal."""
    table = Table(title="As PathMotionMLLM scores: a video has a feature or not")
    for column in ("feature", "videos", "precision", "recall", "F1", "always yes"):
        table.add_column(column)
    for one in scores:
        cells = (_share(one.precision), _share(one.recall), _number(one.f1), _number(one.always_yes_f1))
        table.add_row(one.feature, str(one.videos), *cells)
    return table
