from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.evaluation.rates import always_yes_f1, f1, kendall_tau, rate, spread


def test_wilson_intervals_agree_with_published_values() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3 (score, no continuity correction).
    for hits, of, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        share = rate(hits, of)
        assert (share.low, share.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 200), st.data())
def test_an_interval_holds_its_share_and_stays_within_0_and_1(of: int, data: st.DataObject) -> None:
    share = rate(data.draw(st.integers(0, of)), of)
    assert 0 <= share.low <= share.value + 1e-12
    assert share.value - 1e-12 <= share.high <= 1


def test_nothing_counted_is_undefined_and_not_zero() -> None:
    assert math.isnan(rate(0, 0).value)
    assert math.isnan(f1(0, 0, 0))
    assert math.isnan(spread([]).median)


def test_always_yes_is_two_p_over_two_p_plus_n() -> None:
    assert always_yes_f1(30, 60) == pytest.approx(0.5)
    assert math.isnan(always_yes_f1(0, 10))


def test_quartiles_interpolate() -> None:
    measured = spread([4.0, 1.0, 2.0, 3.0])
    assert (measured.median, measured.lower, measured.upper, measured.n) == (2.5, 1.75, 3.25, 4)


def test_kendall_counts_only_pairs_in_certain_true_order() -> None:
    truth = [(1.0, 1.4), (5.0, 5.4), (9.0, 9.4)]
    assert kendall_tau(truth, truth) == 1.0
    assert kendall_tau(truth, truth[::-1]) == -1.0
    assert kendall_tau(truth, [(0.0, 6.0), (4.0, 7.0), (9.0, 10.0)]) == pytest.approx(2 / 3)
    assert math.isnan(kendall_tau([(0.0, 2.0), (1.0, 3.0)], [(0.0, 0.1), (1.0, 1.1)]))
