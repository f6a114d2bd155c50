"""The service around the engines: merging, statuses, phases, and one phantom through the whole job."""

from __future__ import annotations

import pytest

from schemas.catalogue import load_catalogue
from schemas.recording import Interval, Recording, Tri
from schemas.semiology import FindingStatus, Phase, Side
from services.semiology.combination import status_of
from services.semiology.engines import Proposal, Sighting
from services.semiology.service import is_side_confirmed, merge, phase_of, union


def proposal(begin: float, end: float, score: float = 0.7, *, captured: bool = True) -> Proposal:
    return Proposal(
        onset_s=Interval(begin, begin),
        offset_s=Interval(end, end),
        onset_captured=captured,
        offset_captured=True,
        score=score,
        rationale=f"seen at {begin}.",
    )


def test_overlapping_proposals_become_one_with_the_widest_span_and_the_best_score() -> None:
    merged = merge([proposal(30, 40), proposal(5, 20, 0.6), proposal(15, 25, 0.9)])
    assert [(p.onset_s.lo, p.offset_s.hi, p.score) for p in merged] == [(5, 25, 0.9), (30, 40, 0.7)]
    assert merged[0].rationale == "seen at 5. seen at 15."


def test_union_of_spans_counts_no_instant_twice() -> None:
    assert union([Interval(3, 5), Interval(0, 2), Interval(4, 8)]) == (Interval(0, 2), Interval(3, 8))


def test_status_follows_the_catalogues_two_thresholds() -> None:
    sign = load_catalogue().by_id["clonic"]
    assert status_of(sign.t_state, sign) is FindingStatus.PRESENT
    assert status_of((sign.t_show + sign.t_state) / 2, sign) is FindingStatus.POSSIBLE
    assert status_of(sign.t_show - 0.01, sign) is FindingStatus.NOT_SEEN


def test_phase_is_unknown_when_the_onset_was_missed() -> None:
    seen = Sighting(Interval(12, 12.4), Interval(15, 15), 0.8)
    assert phase_of(seen, proposal(5, 30)) is Phase.INITIAL
    assert phase_of(seen, proposal(0, 30)) is Phase.SUBSEQUENT
    assert phase_of(seen, proposal(0, 30, captured=False)) is Phase.UNKNOWN
    assert phase_of(seen, proposal(0, 3)) is Phase.POST_ICTAL


@pytest.mark.req("side-not-guessed")
@pytest.mark.parametrize(
    ("side", "inferred", "mirrored", "confirmed"),
    [
        (Side.LEFT, False, Tri.NO, True),
        (Side.LEFT, True, Tri.NO, False),
        (Side.LEFT, False, Tri.UNKNOWN, False),
        (Side.UNDETERMINED, False, Tri.NO, False),
    ],
)
def test_a_side_is_confirmed_only_when_it_was_seen(
    side: Side,
    inferred: bool,
    mirrored: Tri,
    confirmed: bool,
) -> None:
    seen = Sighting(Interval(12, 12.4), Interval(15, 15), 0.8, side=side, side_inferred=inferred)
    assert is_side_confirmed(seen, Recording("r1", (), mirrored=mirrored)) is confirmed
