"""The decoder: times, sizes, turns, rates, sound and damage."""

from __future__ import annotations

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import ObjectMissingError, UnreadableMediaError, UnsupportedMediaError
from schemas.recording import Box, Interval
from services.media.decode import audio, frames, probe
from services.media.source import Source
from tests.support import videos


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "plain.mp4"
    return videos.write_video(path, seconds=6, tone_hz=440, tone_delay_s=1.0)


def _is_red(image: np.ndarray, row: int, column: int) -> bool:
    red, green, blue = (int(value) for value in image[row, column])
    return red > 150 and green < 90 and blue < 90


def test_every_picture_comes_once_at_its_own_time(plain: Path) -> None:
    found = list(frames(plain))
    assert len(found) == 180
    assert np.allclose([frame.time_s for frame in found], np.arange(180) / 30, atol=1e-4)
    assert [frame.pts_us for frame in found[:2]] == [0, 33333]
    assert found[0].image.shape == (96, 160)
    assert found[0].image.dtype == np.uint8


def test_gray_is_full_range_and_colours_are_in_the_order_asked_for(plain: Path) -> None:
    rgb = next(frames(plain, colour="rgb")).image
    bgr = next(frames(plain, colour="bgr")).image
    gray = next(frames(plain)).image
    assert _is_red(rgb, 5, 5)
    assert np.array_equal(rgb, bgr[:, :, ::-1])
    assert gray[50:70].max() > 225  # the white block is 230; broadcast range would end at 213


@pytest.mark.parametrize("rate_hz", [5.0, 7.0, 15.0, 30.0, 50.0])
def test_a_rate_gives_one_picture_per_tick(plain: Path, rate_hz: float) -> None:
    found = list(frames(plain, rate_hz=rate_hz))
    assert len(found) == round(6 * rate_hz)
    assert np.allclose([frame.time_s for frame in found], np.arange(len(found)) / rate_hz)
    assert max(abs(frame.pts_us / 1e6 - frame.time_s) for frame in found) <= 1 / 60 + 0.003


def test_variable_rate_is_resampled_by_nearest_picture(tmp_path: Path) -> None:
    times = [0.0, 0.033, 0.066, 0.5, 0.533, 1.2, 1.233, 1.266, 1.3]
    path = videos.write_video(tmp_path / "vfr.mp4", times_s=times)
    assert np.allclose([frame.time_s for frame in frames(path)], times, atol=0.001)
    for frame in frames(path, rate_hz=10):
        nearest = min(times, key=lambda t: abs(t - frame.time_s))
        assert frame.pts_us / 1e6 == pytest.approx(nearest, abs=0.001)


@pytest.mark.parametrize("lo", [0.0, 0.5, 3.1, 4.99])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_windows_hold_the_same_pictures_as_the_whole(tmp_path: Path, lo: float, suffix: str) -> None:
    path = videos.write_video(tmp_path / f"window{suffix}", seconds=6, options={"g": "20"})
    whole = [frame for frame in frames(path) if lo <= frame.time_s < lo + 0.7]
    window = list(frames(path, span=Interval(lo, lo + 0.7)))
    assert [frame.pts_us for frame in window] == [frame.pts_us for frame in whole]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(window, whole, strict=True))


@pytest.mark.parametrize(
    ("rotation_ccw", "mirror", "corner"),
    [(0, False, (5, 5)), (90, False, (-6, 5)), (180, False, (-6, -6)), (270, False, (5, -6)), (0, True, (5, -6))],
)
def test_pictures_come_upright(tmp_path: Path, rotation_ccw: int, mirror: bool, corner: tuple[int, int]) -> None:
    path = videos.write_video(tmp_path / "turned.mp4", seconds=0.3, rotation_ccw=rotation_ccw, mirror=mirror)
    image = next(frames(path, colour="rgb")).image
    assert image.shape[:2] == ((160, 96) if rotation_ccw in (90, 270) else (96, 160))
    assert _is_red(image, *corner)
    described = probe(path)
    assert described.orientation.rotation_deg == -rotation_ccw % 360
    assert described.orientation.mirrored == mirror
    assert (described.display_height_px, described.display_width_px) == image.shape[:2]


def test_pixels_come_square(tmp_path: Path) -> None:
    path = videos.write_video(tmp_path / "anamorphic.mp4", seconds=0.3, aspect=Fraction(16, 11))
    assert next(frames(path)).image.shape == (96, 233)
    assert next(frames(path, long_side_px=80)).image.shape == (33, 80)


@pytest.mark.parametrize("rotation_ccw", [0, 90, 180, 270])
def test_crops_are_cut_from_the_upright_picture_at_full_resolution(tmp_path: Path, rotation_ccw: int) -> None:
    path = videos.write_video(tmp_path / "crop.mp4", seconds=0.2, rotation_ccw=rotation_ccw)
    whole = next(frames(path, colour="rgb")).image
    height, width = whole.shape[:2]
    part = next(frames(path, colour="rgb", crop=Box(0.25, 0.5, 0.75, 1.0))).image
    expected = whole[height // 2 :, width // 4 : width * 3 // 4]
    assert part.shape == expected.shape
    assert np.abs(part.astype(int) - expected).mean() < 3
    assert (
        next(frames(path, crop=Box(0.25, 0.5, 0.75, 1.0), long_side_px=40)).image.shape[0 if height > width else 1]
        <= 40
    )


@pytest.mark.parametrize(
    ("codec", "suffix", "pixels"),
    [
        ("libx265", ".mp4", "yuv420p"),
        ("mpeg4", ".avi", "yuv420p"),
        ("libx264", ".mkv", "yuv420p"),
        ("libx264", ".ts", "yuv420p"),
        ("mjpeg", ".avi", "yuvj422p"),
        ("mjpeg", ".mov", "yuvj420p"),
        ("mpeg2video", ".mpg", "yuv420p"),
        ("libvpx-vp9", ".webm", "yuv420p"),
    ],
)
def test_formats_of_phones_and_cameras_are_read(tmp_path: Path, codec: str, suffix: str, pixels: str) -> None:
    rate = 25
    path = videos.write_video(tmp_path / f"file{suffix}", seconds=1, codec=codec, pixels=pixels, rate=rate)
    found = list(frames(path, colour="rgb"))
    assert len(found) == rate
    assert np.allclose([frame.time_s for frame in found], np.arange(rate) / rate, atol=0.002)
    assert _is_red(found[0].image, 5, 5)


def test_b_frames_come_in_presentation_order(tmp_path: Path) -> None:
    options = {"preset": "veryfast", "bf": "3"}
    path = videos.write_video(tmp_path / "b.mp4", seconds=1, options=options)
    times = [frame.time_s for frame in frames(path)]
    assert len(times) == 30
    assert times[0] == 0.0
    assert all(b > a for a, b in itertools.pairwise(times))


def test_sound_lies_right_against_the_picture(plain: Path) -> None:
    samples = np.concatenate(list(audio(plain)))
    assert abs(samples.size / 16_000 - 6) < 0.1
    loud = np.flatnonzero(np.abs(samples) > 0.1)
    assert loud[0] / 16_000 == pytest.approx(1.0, abs=0.03)
    spectrum = np.abs(np.fft.rfft(samples[20_000:36_000]))
    assert np.argmax(spectrum) == pytest.approx(440, abs=2)


def test_a_silent_video_yields_no_sound(tmp_path: Path) -> None:
    assert list(audio(videos.write_video(tmp_path / "mute.mp4", seconds=0.2))) == []


def test_damage_in_the_middle_is_skipped_and_counted(tmp_path: Path) -> None:
    whole = videos.write_video(tmp_path / "whole.mp4", seconds=6, options={"g": "15"})
    broken = videos.damage(whole, tmp_path / "broken.mp4", [(0.40, 0.41), (0.60, 0.61)])
    with Source(broken) as source:
        times = [picture.time_s for picture in source.pictures()]
        assert source.corrupt_packets > 0
    assert times[0] == 0.0
    assert times[-1] > 5.9
    assert len(times) > 120


def test_pictures_that_change_their_size_keep_the_first_one(tmp_path: Path) -> None:
    small, large = tmp_path / "small.ts", tmp_path / "large.ts"
    videos.write_video(small, videos.scene(160, 96), seconds=0.5)
    videos.write_video(large, videos.scene(320, 192), seconds=0.5)
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    found = list(frames(both))
    assert len(found) > 20
    assert {frame.image.shape for frame in found} == {(96, 160)}
    times = [frame.time_s for frame in found]
    assert all(b > a for a, b in itertools.pairwise(times))


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("a line of text\n" * 100)
    with pytest.raises(UnreadableMediaError, match="not in a video format"):
        probe(text)
    with pytest.raises(UnreadableMediaError, match="only audio"):
        probe(videos.write_sound_only(tmp_path / "sound.m4a"))
    with pytest.raises(ObjectMissingError):
        probe(tmp_path / "nothing.mp4")


def test_a_playlist_cannot_make_us_open_other_files(tmp_path: Path) -> None:
    inner = videos.write_video(tmp_path / "inner.ts", seconds=0.5)
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.5,\n{inner}\n#EXT-X-ENDLIST\n")
    with pytest.raises(UnreadableMediaError):
        probe(playlist)


def test_pictures_above_the_limit_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = videos.write_video(tmp_path / "large.mp4", videos.scene(640, 480), seconds=0.1)
    with pytest.raises((UnsupportedMediaError, UnreadableMediaError)), Source(path, max_pixels=100_000):
        pass
