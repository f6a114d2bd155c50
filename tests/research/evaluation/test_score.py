"""Scores of hand-made predictions whose right answer can be counted on the fingers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from research.evaluation.events import SZCORE, EventPair, score_events
from research.evaluation.prediction import (
    Prediction,
    load_prediction,
    prediction_from_plain,
    prediction_from_spans,
)
from research.evaluation.score import Score, Scored, SignScore, score
from research.evaluation.table import report, scores_to_json
from research.phantom.look import Look
from research.phantom.render import truth_of
from research.phantom.scripts import named
from research.phantom.truth import Truth
from schemas.errors import InvalidRequestError

LOOK = Look(size=(640, 360))


def _truth(name: str) -> Truth:
    return truth_of(named(name), 5, LOOK)


def _finding(sign: str, status: str, occurrences: list[dict[str, Any]]) -> dict[str, Any]:
    return {"sign": sign, "status": status, "occurrences": occurrences}


def _report(
    truth: Truth, *, shift_s: float = 0.0, side: str | None = None, abstain: tuple[str, ...] = (), episodes: bool = True
) -> dict[str, Any]:
    """The report of a reader who knows the truth, moved in time, or wrong about the side, or silent about a sign."""
    said = []
    for episode in truth.episodes if episodes else ():
        findings = []
        for sign in sorted({o.sign for o in episode.occurrences}):
            own = [
                {
                    "onset_s": [o.onset_s + shift_s - 0.1, o.onset_s + shift_s + 0.1],
                    "offset_s": [o.offset_s + shift_s, o.offset_s + shift_s],
                    "side": side or o.side,
                    "score": 0.9,
                }
                for o in episode.occurrences
                if o.sign == sign and o.visible
            ]
            status = "not_assessable" if sign in abstain else "present" if own else "not_seen"
            findings.append(_finding(sign, status, [] if sign in abstain else own))
        said.append(
            {
                "id": episode.id,
                "recording_id": "r1",
                "score": 0.8,
                "onset_s": [episode.onset_s + shift_s] * 2,
                "offset_s": [episode.offset_s + shift_s] * 2,
                "onset_captured": episode.onset_captured,
                "offset_captured": episode.offset_captured,
                "findings": findings,
            }
        )
    return {
        "recordings": [
            {
                "recording": {"id": "r1"},
                "facts": {"duration_s": truth.duration_s},
                "coverage": {"assessable_s": truth.duration_s},
            }
        ],
        "episodes": said,
        "engines": [],
    }


def _scored(names: tuple[str, ...], **options: Any) -> Score:
    truths = {name: _truth(name) for name in names}
    return score([Scored(n, t, prediction_from_plain(_report(t, **options))) for n, t in truths.items()])


def _sign(measured: Score, sign: str) -> SignScore:
    return next(s for s in measured.signs if s.sign == sign)


NAMES = ("focal_clonic_right_arm", "focal_clonic_left_arm", "versive_then_clonic", "calm", "waving")


def test_a_reader_who_knows_the_truth_scores_one_everywhere() -> None:
    perfect = _scored(NAMES)
    assert perfect.episodes.f1 == perfect.video_sensitivity.value == perfect.video_specificity.value == 1.0
    assert perfect.episodes.false_alarms_per_h == 0
    assert perfect.episode_onset_error_s.median == pytest.approx(0, abs=1e-9)
    assert perfect.limb_side.right.value == perfect.head_side.right.value == 1.0
    assert perfect.order_tau.median == 1.0
    clonic = _sign(perfect, "clonic")
    assert (clonic.f1, clonic.positives, clonic.negatives) == (1.0, 3, 2)
    assert clonic.onset_within_1_s.value == 1.0


def test_always_yes_stands_beside_each_f1() -> None:
    measured = _scored(NAMES)
    assert _sign(measured, "clonic").always_yes_f1 == pytest.approx(2 * 3 / (2 * 3 + 2))
    assert measured.episodes.always_yes_f1 == pytest.approx(2 * 3 / (2 * 3 + 2))


def test_a_late_reader_has_the_onset_error_and_nothing_else() -> None:
    late = _scored(NAMES, shift_s=2.0)
    assert late.episodes.f1 == 1.0
    assert late.episode_onset_error_s.median == pytest.approx(2.0)
    assert _sign(late, "clonic").onset_error_s.median == pytest.approx(2.0)
    assert _sign(late, "clonic").onset_within_1_s.value == 0.0


def test_one_who_always_says_left_is_right_about_the_left_arm_only() -> None:
    measured = _scored(("focal_clonic_right_arm", "focal_clonic_left_arm"), side="left")
    assert (measured.limb_side.right.hits, measured.limb_side.right.of) == (2, 4)
    silent = _scored(("focal_clonic_right_arm",), side="undetermined")
    assert (silent.limb_side.answered.hits, silent.limb_side.right.of) == (0, 0)


def test_one_who_finds_nothing_misses_everything_and_raises_no_alarm() -> None:
    blind = _scored(NAMES, episodes=False)
    assert blind.episodes.sensitivity.value == 0.0
    assert blind.video_specificity.value == 1.0
    assert _sign(blind, "clonic").sensitivity.value == 0.0
    assert math.isnan(blind.order_tau.median)


def test_abstaining_is_counted_and_not_scored() -> None:
    measured = _sign(_scored(NAMES, abstain=("version",)), "version")
    assert (measured.abstained.hits, measured.abstained.of) == (3, 5)
    assert math.isnan(measured.f1)


def test_signs_without_an_engine_are_abstained_also_where_there_is_no_episode() -> None:
    truth = _truth("calm")
    said = replace(prediction_from_plain(_report(truth)), answers=frozenset({"clonic"}))
    seizure = _truth("versive_then_clonic")
    other = replace(prediction_from_plain(_report(seizure, abstain=("version",))), answers=frozenset({"clonic"}))
    measured = score([Scored("a", truth, said), Scored("b", seizure, other)])
    assert _sign(measured, "version").abstained.value == 1.0
    assert _sign(measured, "clonic").abstained.value == 0.0


def test_false_alarms_are_counted_per_hour_of_what_was_watched() -> None:
    truth = _truth("calm")
    said = prediction_from_spans(((5.0, 9.0), (20.0, 24.0)), truth.duration_s)
    measured = score([Scored("calm", truth, said)])
    assert measured.false_alarms_per_h_seizure_free == pytest.approx(2 / (truth.duration_s / 3600))
    assert measured.episodes.false_alarms == 2
    assert measured.video_specificity.value == 0.0


def test_a_sign_that_happens_under_the_blanket_only_counts_neither_way() -> None:
    truth = _truth("focal_clonic_left_leg")
    episode = truth.episodes[0]
    hidden = replace(
        truth, episodes=(replace(episode, occurrences=tuple(replace(o, visible=False) for o in episode.occurrences)),)
    )
    measured = score([Scored("hidden", hidden, prediction_from_plain(_report(truth)))])
    assert (_sign(measured, "clonic").positives, _sign(measured, "clonic").negatives) == (0, 0)


def test_szcore_tolerances_forgive_what_strict_scoring_does_not() -> None:
    pair = EventPair(((30.0, 40.0),), ((42.0, 50.0),), 120.0)
    assert score_events([pair]).sensitivity.value == 0.0
    assert score_events([pair], SZCORE).sensitivity.value == 1.0


def test_events_shorter_than_the_scoring_clock_are_not_lost() -> None:
    assert score_events([EventPair(((3.02, 3.05),), ((3.0, 3.2),), 10.0)]).f1 == 1.0
    assert score_events([EventPair(((9.99, 10.0),), ((0.0, 10.0),), 10.0)]).f1 == 1.0


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        ({"recordings": []}, "0 recordings"),
        ({"recordings": [{"recording": {"id": "r1"}}]}, "KeyError"),
        ({}, "KeyError"),
    ],
)
def test_what_is_no_report_is_refused(broken: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidRequestError, match=complaint):
        prediction_from_plain(broken)


def test_a_report_file_is_read_for_the_recording_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(_report(_truth("two_episodes"))))
    assert [e.id for e in load_prediction(path).episodes] == ["r1-e1", "r1-e2"]
    path.write_text("no json")
    with pytest.raises(InvalidRequestError, match="cannot be read"):
        load_prediction(path)


def test_scores_are_printed_and_stored_without_nan() -> None:
    measured = {"knowing": _scored(NAMES), "blind": _scored(NAMES, episodes=False)}
    plain = json.loads(scores_to_json(measured, {"n": 5}))
    assert plain["systems"]["blind"]["order_tau"]["median"] is None
    console = Console(width=220, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as printed:
        console.print(report(measured))
    assert "always yes" in printed.get()
    assert "clonic" in printed.get()


def test_a_prediction_keeps_only_what_was_shown() -> None:
    plain = _report(_truth("focal_clonic_right_arm"))
    plain["episodes"][0]["findings"][0]["status"] = "not_seen"
    said: Prediction = prediction_from_plain(plain)
    assert {o.sign for o in said.episodes[0].occurrences} == {"unilateral_clonic"}
