"""In which part of the episode an occurrence begins: said only where it is certain."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.recording import Interval
from schemas.semiology import Author, Episode, Occurrence, Phase
from services.localization.phases import phase_of

WHOLE = Episode("r1-e1", "r1", 0.9, Interval(10, 12), Interval(60, 64), onset_captured=True, offset_captured=True)


def starting(lo: float, hi: float) -> Occurrence:
    return Occurrence("r1-e1-clonic-1", "clonic", Interval(lo, hi), Interval(hi + 1, hi + 2))


@pytest.mark.parametrize(
    ("onset", "phase"),
    [
        ((10, 12), Phase.INITIAL),
        ((19, 20), Phase.INITIAL),
        ((19, 20.5), Phase.UNKNOWN),
        ((21, 23), Phase.UNKNOWN),
        ((22.5, 23), Phase.SUBSEQUENT),
        ((58, 59.5), Phase.SUBSEQUENT),
        ((59, 61), Phase.UNKNOWN),
        ((63, 66), Phase.UNKNOWN),
        ((64, 66), Phase.POST_ICTAL),
    ],
)
def test_the_rule(onset: tuple[float, float], phase: Phase) -> None:
    assert phase_of(starting(*onset), WHOLE, 10.0) is phase


def test_nothing_is_initial_when_the_onset_was_missed() -> None:
    cut = replace(WHOLE, onset_captured=False, onset_s=Interval(0, 0))
    assert phase_of(starting(0, 1), cut, 10.0) is Phase.UNKNOWN
    assert phase_of(starting(30, 31), cut, 10.0) is Phase.SUBSEQUENT


def test_nothing_is_post_ictal_when_the_end_was_missed() -> None:
    assert phase_of(starting(64, 66), replace(WHOLE, offset_captured=False), 10.0) is Phase.SUBSEQUENT


def test_a_readers_phase_is_kept() -> None:
    read = replace(starting(10, 12), author=Author.READ, phase=Phase.POST_ICTAL)
    assert phase_of(read, WHOLE, 10.0) is Phase.POST_ICTAL


def test_what_was_going_on_already_is_not_called_late() -> None:
    assert phase_of(replace(starting(30, 31), censored_left=True), WHOLE, 10.0) is Phase.UNKNOWN


@given(st.floats(0, 80), st.floats(0, 6), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_whatever_the_true_times_are_the_phase_holds(
    lo: float, width: float, start: float, onset: float, offset: float
) -> None:
    occurrence = starting(lo, lo + width)
    begins = lo + start * width
    episode_onset = WHOLE.onset_s.lo + onset * WHOLE.onset_s.length_s
    episode_end = WHOLE.offset_s.lo + offset * WHOLE.offset_s.length_s
    match phase_of(occurrence, WHOLE, 10.0):
        case Phase.INITIAL:
            assert begins <= episode_onset + 10.0 + 1e-9
        case Phase.SUBSEQUENT:
            assert episode_onset + 10.0 < begins < episode_end
        case Phase.POST_ICTAL:
            assert begins >= episode_end
        case Phase.UNKNOWN:
            pass
