from __future__ import annotations

import numpy as np
import pytest

from schemas.catalogue import Aggregate, Sampling, SamplingKind
from schemas.recording import Interval
from services.semiology.engines import Sighting
from services.semiology.engines.vlm.reader import Explanation
from services.semiology.engines.vlm.track import Scored, grid_of, sightings_of, track_of
from services.semiology.engines.vlm.windows import spans_of
from tests.services.semiology.vlm import samples

SAMPLING = Sampling(SamplingKind.CLIP, 10.0, 5.0, 2.0)
SIGN = samples.sign("tonic", sampling=SAMPLING, t_show=0.35, t_state=0.6, min_duration_s=2.0)
LENGTH_S = 60.0
NAN = float("nan")


def _windows(scores: list[float], explanations: dict[int, Explanation] | None = None) -> list[Scored]:
    spans = spans_of(SAMPLING, 5.0 * (len(scores) + 1))
    words = explanations or {}
    return [Scored(span, score, 0.9, words.get(k)) for k, (span, score) in enumerate(zip(spans, scores, strict=True))]


def _seen(windows: list[Scored], sign: object = SIGN) -> tuple[Sighting, ...]:
    time_s = grid_of(LENGTH_S)
    return sightings_of(time_s, track_of(time_s, windows, [], sign), windows, sign)  # type: ignore[arg-type]


def _event_windows(onset_s: float, offset_s: float, least_share: float) -> list[Scored]:
    """A model that says yes when the sign fills at least this share of a window."""
    return [
        Scored(span, 0.9 if max(0.0, min(span.hi, offset_s) - max(span.lo, onset_s)) > least_share * 10 else 0.05, 0.9)
        for span in spans_of(SAMPLING, LENGTH_S)
    ]


def test_the_track_is_the_mean_of_covering_windows_and_nan_where_none_was_judged() -> None:
    time_s = grid_of(20.0)
    values = track_of(time_s, _windows([0.2, 0.8, NAN]), [], SIGN)
    assert values[time_s == 2.0] == pytest.approx(0.2)
    assert values[time_s == 7.0] == pytest.approx(0.5)
    assert values[time_s == 12.0] == pytest.approx(0.8), "the unanswered window has no vote"
    assert np.isnan(values[time_s >= 15.0]).all()


def test_lost_spans_are_nan_even_where_windows_reach_into_them() -> None:
    time_s = grid_of(20.0)
    values = track_of(time_s, _windows([0.9, 0.9, 0.9]), [Interval(4.0, 6.0)], SIGN)
    assert np.isnan(values[(time_s >= 4) & (time_s < 6)]).all()
    assert np.isfinite(values).sum() == len(values) - 4


@pytest.mark.parametrize("least_share", [0.02, 0.3, 0.49])
@pytest.mark.parametrize(("onset_s", "offset_s"), [(12.0, 31.0), (20.0, 44.5), (16.3, 29.9)])
def test_onset_and_offset_lie_in_their_intervals(onset_s: float, offset_s: float, least_share: float) -> None:
    (seen,) = _seen(_event_windows(onset_s, offset_s, least_share))
    assert seen.onset_s.lo <= onset_s <= seen.onset_s.hi
    assert seen.offset_s.lo <= offset_s <= seen.offset_s.hi
    assert seen.onset_s.length_s <= 10.0
    assert (seen.censored_left, seen.censored_right) == (False, False)


def test_a_smaller_hop_narrows_the_onset() -> None:
    fine = Sampling(SamplingKind.CLIP, 10.0, 2.0, 2.0)
    sign = samples.sign("tonic", sampling=fine)
    windows = [Scored(span, 0.9 if span.hi > 21.0 else 0.05, 0.9) for span in spans_of(fine, LENGTH_S)]
    (seen,) = _seen(windows, sign)
    assert seen.onset_s.length_s == pytest.approx(7.0), "half a window and a hop"
    assert seen.onset_s.lo <= 21.0 <= seen.onset_s.hi


def test_between_the_thresholds_it_is_kept_as_possible() -> None:
    (seen,) = _seen(_windows([0.1, 0.45, 0.5, 0.45, 0.1, 0.1]))
    assert 0.35 <= seen.score < 0.6
    assert not _seen(_windows([0.1, 0.2, 0.3, 0.2, 0.1]))


def test_hysteresis_keeps_one_instance_over_a_dip_that_stays_over_t_show() -> None:
    assert len(_seen(_windows([0.1, 0.9, 0.9, 0.4, 0.4, 0.9, 0.9, 0.1]))) == 1
    assert len(_seen(_windows([0.1, 0.9, 0.9, 0.05, 0.05, 0.05, 0.9, 0.9, 0.1]))) == 2


def test_what_was_going_on_at_the_edges_is_censored() -> None:
    (seen,) = _seen(_windows([0.9, 0.9, 0.9, 0.9]))
    assert seen.censored_left
    assert seen.censored_right
    (after_gap,) = _seen(_windows([0.1, NAN, NAN, 0.9, 0.9, 0.1, 0.1]))
    assert after_gap.censored_left, "what happened in the unjudged windows is not known"
    assert not after_gap.censored_right


def test_the_models_own_times_narrow_the_onset_but_never_below_half_a_hop() -> None:
    scores = [0.1, 0.9, 0.9, 0.9, 0.1, 0.1]
    (plain,) = _seen(_windows(scores))
    (told,) = _seen(_windows(scores, {1: Explanation("the arm stiffens", 6.0, 10.0)}))
    assert told.onset_s == Interval(8.5, 13.5)
    assert told.onset_s.length_s < plain.onset_s.length_s
    (lied,) = _seen(_windows(scores, {1: Explanation("the arm stiffens", 99.0, 99.0)}))
    assert lied.onset_s == plain.onset_s, "a time outside the window is no claim"
    assert "Written by the model, unchecked" in told.rationale


def test_a_run_that_is_too_short_stays_visible_as_a_candidate() -> None:
    words = {2: Explanation("a jerk", 3.0, 3.5)}
    (seen,) = _seen(_windows([0.1, 0.2, 0.99, 0.8, 0.1], words))
    assert seen.score > 0.6, "two windows: the run is as long as they say"
    (short,) = _seen(_windows([0.1, 0.3, 0.99, 0.3, 0.1], words))
    assert 0.35 <= short.score < 0.6
    assert "shorter than" in short.rationale


@pytest.mark.parametrize(("scores", "instances"), [([0.1, 0.9, 0.1, 0.1], 0), ([0.1, 0.9, 0.7, 0.1], 1)])
def test_a_study_may_drop_runs_of_fewer_windows(scores: list[float], instances: int) -> None:
    sign = samples.sign("tonic", sampling=SAMPLING, aggregate=Aggregate.ANY_WINDOW, least_run=2)
    assert len(_seen(_windows(scores), sign)) == instances


def test_any_window_counts_where_a_protocol_says_so() -> None:
    sign = samples.sign("tonic", sampling=SAMPLING, aggregate=Aggregate.ANY_WINDOW, least_run=1)
    (seen,) = _seen(_windows([0.1, 0.7, 0.1]), sign)
    assert seen.score == pytest.approx(0.7), "the mean with its neighbours would have hidden it"
    time_s = grid_of(20.0)
    assert track_of(time_s, _windows([0.1, 0.7, 0.1]), [], sign)[time_s == 12.0] == pytest.approx(0.7)
