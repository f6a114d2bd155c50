"""The onset order: what interval logic allows to be said, and nothing more."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidRequestError
from schemas.recording import Interval
from schemas.semiology import Episode, Finding, FindingStatus, Occurrence, OnsetOrder, Precedence, StateBefore
from services.localization.order import first_visible_s, onset_order
from services.localization.service import ordered

SIGNS = ("version", "clonic", "tonic", "manual_automatisms", "hyperkinetic")

Span = tuple[float, float]
tenths = st.integers(0, 120).map(lambda number: number / 10)
spans: st.SearchStrategy[Span] = st.tuples(tenths, st.integers(0, 40).map(lambda number: number / 10)).map(
    lambda pair: (pair[0], pair[0] + pair[1])
)


def episode_of(onsets: list[tuple[str, Span]], **changes: object) -> Episode:
    """A captured episode with one occurrence per given sign and onset, all of them present."""
    by_sign: dict[str, list[Occurrence]] = {}
    for number, (sign, span) in enumerate(onsets):
        onset = Interval(*span)
        one = Occurrence(f"r1-e1-{sign}-{number}", sign, onset, Interval(onset.hi + 1, onset.hi + 2))
        by_sign.setdefault(sign, []).append(one)
    findings = tuple(
        Finding(f"r1-e1-{sign}", sign, FindingStatus.PRESENT, occurrences=tuple(group))
        for sign, group in by_sign.items()
    )
    whole = Episode(
        "r1-e1", "r1", 0.9, Interval(0, 0), Interval(200, 200), onset_captured=True, offset_captured=True,
        state_before=StateBefore.AWAKE, findings=findings,
    )  # fmt: skip
    return replace(whole, **changes)


def certainly_before(first: Interval, second: Interval) -> bool:
    """The definition, word for word: the latest start of one is before the earliest start of the other."""
    return first.hi < second.lo


def closure(order: OnsetOrder) -> set[tuple[str, str]]:
    """Every pair that follows from the reduced ones."""
    pairs = {(pair.earlier, pair.later) for pair in order.precedences}
    while True:
        more = {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs
        if not more:
            return pairs
        pairs |= more


many = st.lists(st.tuples(st.sampled_from(SIGNS), spans), max_size=9)


@pytest.mark.req("order-claimed-only-where-certain")
@given(many)
def test_precedences_say_exactly_what_is_certain(onsets: list[tuple[str, Span]]) -> None:
    order = onset_order(episode_of(onsets))
    expected = {
        (a.occurrence_id, b.occurrence_id)
        for a, b in itertools.permutations(order.items, 2)
        if certainly_before(a.onset_s, b.onset_s)
    }
    assert closure(order) == expected


@given(many)
def test_no_precedence_follows_from_two_others(onsets: list[tuple[str, Span]]) -> None:
    order = onset_order(episode_of(onsets))
    for pair in order.precedences:
        rest = tuple(other for other in order.precedences if other != pair)
        assert (pair.earlier, pair.later) not in closure(replace(order, precedences=rest))


@given(many, st.randoms(use_true_random=False))
def test_every_true_order_lies_within_the_ranks(onsets: list[tuple[str, Span]], random: object) -> None:
    order = onset_order(episode_of(onsets))
    truth = {item.occurrence_id: random.uniform(*item.onset_s) for item in order.items}  # type: ignore[attr-defined]
    for item in order.items:
        at = truth[item.occurrence_id]
        before = sum(time < at for time in truth.values())
        not_after = sum(time <= at for time in truth.values())
        assert item.rank_lo <= not_after
        assert item.rank_hi >= before + 1


@given(many)
def test_ranks_are_tight_and_items_sorted(onsets: list[tuple[str, Span]]) -> None:
    items = onset_order(episode_of(onsets)).items
    assert [item.onset_s.middle_s for item in items] == sorted(item.onset_s.middle_s for item in items)
    for item in items:
        others = [other for other in items if other is not item]
        assert item.rank_lo == 1 + sum(certainly_before(other.onset_s, item.onset_s) for other in others)
        assert item.rank_hi == len(items) - sum(certainly_before(item.onset_s, other.onset_s) for other in others)


@pytest.mark.req("order-claimed-only-where-certain")
@given(many)
def test_a_first_sign_is_named_only_if_it_began_before_all_other_signs(onsets: list[tuple[str, Span]]) -> None:
    order = onset_order(episode_of(onsets))
    assert bool(order.first_sign) != bool(order.first_sign_reason)
    if order.first_sign:
        mine = [item for item in order.items if item.sign == order.first_sign]
        others = [item for item in order.items if item.sign != order.first_sign]
        assert any(all(certainly_before(item.onset_s, other.onset_s) for other in others) for item in mine)


@given(many, st.permutations(range(9)))
def test_the_order_does_not_depend_on_how_findings_are_listed(
    onsets: list[tuple[str, Span]], shuffle: list[int]
) -> None:
    episode = episode_of(onsets)
    findings = [episode.findings[index] for index in shuffle if index < len(episode.findings)]
    assert onset_order(replace(episode, findings=tuple(findings))) == onset_order(episode)


def test_touching_intervals_are_not_ordered() -> None:
    order = onset_order(episode_of([("version", (10, 12)), ("clonic", (12, 14))]))
    assert order.precedences == ()
    assert order.first_sign == ""
    assert "overlap" in order.first_sign_reason


def test_the_first_sign_is_named_when_everything_is_known() -> None:
    order = onset_order(episode_of([("clonic", (20, 21)), ("version", (10, 12))]))
    assert order.first_sign == "version"
    assert order.first_sign_reason == ""
    assert order.precedences == (Precedence("r1-e1-version-1", "r1-e1-clonic-0"),)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"onset_captured": False}, "already going on when it came into view"),
        ({"state_before": StateBefore.UNKNOWN}, "state before the episode"),
        ({"findings": ()}, "No sign"),
    ],
)
def test_no_first_sign_without_its_conditions(changes: dict[str, object], words: str) -> None:
    order = onset_order(episode_of([("clonic", (20, 21)), ("version", (10, 12))], **changes))
    assert order.first_sign == ""
    assert words in order.first_sign_reason


def test_a_sign_that_is_only_possible_is_not_called_first() -> None:
    episode = episode_of([("version", (10, 12)), ("clonic", (20, 21))])
    possible = tuple(
        replace(finding, status=FindingStatus.POSSIBLE) if finding.sign == "version" else finding
        for finding in episode.findings
    )
    order = onset_order(replace(episode, findings=possible))
    assert order.first_sign == ""
    assert "only possible" in order.first_sign_reason
    assert [item.sign for item in order.items] == ["version", "clonic"]


def test_what_was_going_on_before_it_could_be_judged_is_after_nothing() -> None:
    episode = episode_of([("version", (10, 12)), ("clonic", (20, 21))])
    cut = tuple(
        replace(one, occurrences=(replace(one.occurrences[0], censored_left=one.sign == "clonic"),))
        for one in episode.findings
    )
    order = onset_order(replace(episode, findings=cut))
    assert order.precedences == ()
    assert order.first_sign == ""
    assert first_visible_s(replace(episode, findings=cut)) is None


@pytest.mark.parametrize("status", [FindingStatus.NOT_SEEN, FindingStatus.NOT_ASSESSABLE, FindingStatus.NOT_TESTED])
def test_only_shown_findings_take_part(status: FindingStatus) -> None:
    episode = episode_of([("version", (10, 12))])
    hidden = (replace(episode.findings[0], status=status),)
    assert onset_order(replace(episode, findings=hidden)).items == ()


def test_a_state_before_the_episode_has_no_place() -> None:
    order = onset_order(episode_of([("occur_during_sleep", (0, 0)), ("version", (10, 12))]))
    assert [item.sign for item in order.items] == ["version"]
    assert order.first_sign == "version"


def test_the_first_visible_sign_lies_between_the_earliest_bounds() -> None:
    episode = episode_of([("version", (10, 14)), ("clonic", (11, 12)), ("tonic", (30, 31))])
    assert first_visible_s(episode) == Interval(10, 12)
    assert first_visible_s(replace(episode, onset_captured=False)) is None
    assert ordered(episode, 10.0).first_visible_sign_s == Interval(10, 12)


@pytest.mark.parametrize("span", [(12.0, 10.0), (math.nan, 3.0), (1.0, math.inf)])
def test_a_broken_interval_is_refused_with_its_value(span: Span) -> None:
    with pytest.raises(InvalidRequestError, match="r1-e1-version-0 has the onset interval"):
        onset_order(episode_of([("version", span)]))
