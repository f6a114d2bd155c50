"""The studies' own figures, on predictions whose right answer can be counted on the fingers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from research.evaluation.compare import read
from research.evaluation.prediction import Prediction, SaidEpisode, SaidOccurrence
from research.evaluation.score import Scored
from research.evaluation.studies import feature_scores, segment_scores
from research.evaluation.table import feature_table, segment_table
from research.phantom.look import Look
from research.phantom.render import truth_of
from research.phantom.scripts import named
from research.phantom.truth import Truth
from schemas.errors import InvalidRequestError

SEIZURE = truth_of(named("focal_clonic_left_arm"), 5, Look(size=(640, 360)))
CALM = replace(SEIZURE, episodes=())


def said(truth: Truth, *spans: tuple[float, float]) -> Prediction:
    occurrences = tuple(SaidOccurrence("clonic", lo, hi, "left", 0.9, lo, lo) for lo, hi in spans)
    episode = SaidEpisode(
        "e1",
        0.0,
        truth.duration_s,
        0.9,
        status={"clonic": "present"},
        occurrences=occurrences,
        onset_captured=True,
        offset_captured=True,
    )
    return Prediction(truth.duration_s, truth.duration_s, (episode,) if spans else ())


def clonic_span() -> tuple[float, float]:
    (span,) = {(o.onset_s, o.offset_s) for e in SEIZURE.episodes for o in e.occurrences if o.sign == "clonic"}
    return span


def test_segments_false_videos_and_delay_are_counted_as_the_study_counts() -> None:
    onset, offset = clonic_span()
    late = Scored("late", SEIZURE, said(SEIZURE, (onset + 6.0, offset)))
    alarm = Scored("alarm", CALM, said(CALM, (1.0, 4.0)))
    quiet = Scored("quiet", CALM, said(CALM))
    score = next(one for one in segment_scores([late, alarm, quiet]) if one.sign == "clonic")
    true_segments = len({int(t // 5) for t in (onset, offset)} | set(range(int(onset // 5), int(offset // 5) + 1)))
    found = len(range(int((onset + 6) // 5), int(offset // 5) + 1))
    assert (score.sensitivity.hits, score.sensitivity.of) == (found, true_segments)
    assert score.accuracy.of - score.accuracy.hits == true_segments - found + 1
    assert (score.false_videos.hits, score.false_videos.of) == (1, 2)
    assert score.delay_s.median == pytest.approx(6.0)
    assert score.always_yes_f1 == pytest.approx(2 * true_segments / (true_segments + score.segments))


def test_a_video_has_a_feature_when_any_segment_says_so() -> None:
    onset, offset = clonic_span()
    items = [
        Scored("found", SEIZURE, said(SEIZURE, (onset, offset))),
        Scored("missed", SEIZURE, said(SEIZURE)),
        Scored("alarm", CALM, said(CALM, (1.0, 4.0))),
    ]
    score = next(one for one in feature_scores(items) if one.feature == "clonic")
    assert (score.precision.value, score.recall.value, score.f1) == (0.5, 0.5, 0.5)
    assert score.always_yes_f1 == pytest.approx(0.8), "and saying yes to all would have beaten it"


def test_the_tables_show_always_yes_beside_f1(capsys: pytest.CaptureFixture[str]) -> None:
    items = [Scored("found", SEIZURE, said(SEIZURE, clonic_span()))]
    console = Console(width=160)
    console.print(segment_table(segment_scores(items)), feature_table(feature_scores(items)))
    assert capsys.readouterr().out.count("always yes") == 2


def test_a_truth_without_its_report_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="There is no"):
        read(tmp_path)
    (tmp_path / "one.truth.json").write_text(json.dumps({}))
    with pytest.raises(InvalidRequestError, match=r"no one/report\.json"):
        read(tmp_path)
