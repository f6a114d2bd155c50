"""Tracks, times, and what a file's structure says about its length."""

from __future__ import annotations

import io
import itertools
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidRequestError
from services.media.container import lacks_rate, missing_bytes, stated_length_s
from services.media.resample import at_rate
from services.media.timeline import Timeline
from services.media.tracks import Track, load_tracks, save_tracks
from tests.support import videos


def test_tracks_keep_their_gaps() -> None:
    target = io.BytesIO()
    score = np.array([0.25, np.nan, 1.0])
    save_tracks(target, [Track("clonic", np.arange(3.0), score), Track("activity", np.zeros(0), np.zeros(0))])
    target.seek(0)
    clonic, activity = load_tracks(target)
    assert (clonic.sign, activity.sign) == ("clonic", "activity")
    assert np.array_equal(clonic.score, score, equal_nan=True)
    assert activity.time_s.size == 0


def test_a_sign_has_one_track() -> None:
    with pytest.raises(InvalidRequestError, match="one track"):
        save_tracks(io.BytesIO(), [Track("clonic", np.zeros(1), np.zeros(1))] * 2)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi", ".mov", ".webm"])
def test_a_file_cut_off_lacks_bytes_and_a_whole_one_does_not(tmp_path: Path, suffix: str) -> None:
    codec = {".webm": "libvpx-vp9", ".avi": "mpeg4"}.get(suffix, "libx264")
    fast_start = {"movflags": "faststart"} if suffix in {".mp4", ".mov"} else {}
    whole = videos.write_video(tmp_path / f"w{suffix}", seconds=1, codec=codec, container_options=fast_start)
    assert missing_bytes(whole) == 0
    for share in (0.3, 0.7, 0.99):
        assert missing_bytes(videos.cut_off(whole, tmp_path / f"cut{suffix}", share)) > 0


@given(st.binary(max_size=400), st.sampled_from([b"RIFF", b"\x1a\x45\xdf\xa3", b"\x00\x00\x00\x18ftyp", b""]))
def test_any_bytes_are_looked_at_without_harm(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, head: bytes
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "file"
    path.write_bytes(head + data)
    assert missing_bytes(path) >= 0
    assert (stated_length_s(path) or 0) >= 0
    assert lacks_rate(path) in {True, False}


def test_the_header_of_a_movie_states_its_length(tmp_path: Path) -> None:
    assert stated_length_s(videos.write_video(tmp_path / "v.mp4", seconds=2)) == pytest.approx(2, abs=0.05)
    assert stated_length_s(videos.write_video(tmp_path / "v.mkv", seconds=0.2)) is None


@dataclass
class _Stamp:
    pts: int | None
    dts: int | None = None
    time_base: Fraction | None = Fraction(1, 1000)


@given(st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)), min_size=1, max_size=60))
def test_time_never_stands_still_or_runs_back(stamps: list[int | None]) -> None:
    line = Timeline(step_us=33_333)
    times = [line.place(_Stamp(stamp)) for stamp in stamps]
    assert all(b > a for a, b in itertools.pairwise(times))


def test_a_clock_that_restarts_goes_on_where_it_was() -> None:
    line = Timeline(step_us=40_000)
    times = [line.place(_Stamp(stamp)) for stamp in (0, 40, 80, 0, 40, 80)]
    assert times == [0, 40_000, 80_000, 120_000, 160_000, 200_000]
    assert line.guessed == 1


@given(st.lists(st.floats(0.004, 0.9), min_size=1, max_size=40), st.sampled_from([1.0, 5.0, 12.5, 30.0]))
def test_each_tick_gets_the_nearest_item(steps: list[float], rate_hz: float) -> None:
    times = np.concatenate([[0.0], np.cumsum(steps)])
    ticks = list(at_rate(times, rate_hz, float))
    assert [tick for tick, _ in ticks] == [index / rate_hz for index in range(len(ticks))]
    for tick, item in ticks:
        assert abs(item - tick) <= np.abs(times - tick).min() + 0.005
    assert ticks[-1][0] <= times[-1] + min(steps[-1], 1.0)
    assert ticks[-1][0] >= times[-1] + min(steps[-1], 1.0) - 1 / rate_hz - 0.003
