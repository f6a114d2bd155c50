"""What intake leaves: proxy, sound, thumbnails and facts, for everything that phones and cameras make."""

from __future__ import annotations

import io
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from schemas.recording import AnchorSource, ObjectRef, Tri
from services.media.decode import frames, probe
from services.runtime.objects import ObjectStore
from tests.services.intake.conftest import Ingest
from tests.support import videos

CLIPS = Path(__file__).resolve().parents[4] / "shared" / "clips"


def _local(ref: ObjectRef) -> Path:
    return Path(ref.uri.removeprefix("file://"))


def test_the_proxy_is_small_upright_and_of_constant_rate(tmp_path: Path, run: Ingest) -> None:
    path = videos.write_video(tmp_path / "v.mp4", videos.scene(960, 540), seconds=3, rotation_ccw=270, tone_hz=300)
    result = run(path)
    assert (result.proxy_width_px, result.proxy_height_px) == (360, 640)
    assert result.proxy_rate_hz == 30
    proxy = _local(result.proxy)
    times = [frame.time_s for frame in frames(proxy)]
    assert np.allclose(times, np.arange(90) / 30, atol=1e-4)
    with av.open(str(proxy)) as container:
        stream = container.streams.video[0]
        keys = [packet.pts * stream.time_base for packet in container.demux(stream) if packet.is_keyframe]
        assert [float(key) for key in keys] == [0, 1, 2]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
    first = next(frames(proxy, colour="rgb")).image
    assert first.shape[:2] == (640, 360)
    red, green, blue = (int(value) for value in first[10, -10])
    assert red > 150
    assert max(green, blue) < 100
    head = proxy.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")


def test_the_proxy_shows_each_moment_when_it_happened(tmp_path: Path, run: Ingest) -> None:
    times = np.cumsum(np.random.default_rng(4).choice([1 / 60, 1 / 30, 1 / 15], 90))
    path = videos.write_video(tmp_path / "vfr.mp4", times_s=list(times - times[0]))
    result = run(path)
    assert result.facts.variable_rate
    source = list(frames(path, rate_hz=10))
    proxy = list(frames(_local(result.proxy), rate_hz=10))
    assert abs(len(source) - len(proxy)) <= 1
    for one, other in zip(source[:-1], proxy[:-1], strict=False):
        columns = [np.median(np.nonzero(picture.image[48:72] > 215)[1]) for picture in (one, other)]
        assert abs(columns[0] - columns[1]) <= 12  # at most 0.15 px a millisecond, pictures at most 67 ms apart


@pytest.mark.parametrize(
    ("rate", "expected"), [(Fraction(60), 30), (Fraction(50), 25), (Fraction(240), 30), (Fraction(30000, 1001), 29.97),
                           (Fraction(10), 10), (Fraction(60000, 1001), 29.97), (Fraction(25), 25)],
)  # fmt: skip
def test_the_rate_is_the_sources_own_or_a_part_of_it(
    tmp_path: Path, run: Ingest, rate: Fraction, expected: float
) -> None:
    result = run(videos.write_video(tmp_path / "v.mp4", seconds=1.2, rate=rate))
    assert result.proxy_rate_hz == pytest.approx(expected, abs=0.01)
    assert result.facts.nominal_rate_hz == pytest.approx(float(rate))
    assert result.facts.effective_rate_hz == pytest.approx(float(rate), rel=0.02)
    assert result.facts.duration_s == pytest.approx(1.2, abs=0.06)


def test_repeated_pictures_do_not_count_as_rate(tmp_path: Path, run: Ingest) -> None:
    draw = videos.scene()
    pictures: dict[int, np.ndarray] = {}

    def held(index: int, time_s: float) -> np.ndarray:
        return pictures.setdefault(index // 3, draw(index, time_s))

    result = run(videos.write_video(tmp_path / "v.mkv", held, seconds=4, codec="ffv1"))
    assert result.facts.nominal_rate_hz == 30
    assert result.facts.effective_rate_hz == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "size", "rate"),
    [
        ("phone.mp4", "libx265", "yuv420p", (180, 320), 30),
        ("ten_bit.mp4", "libx265", "yuv420p10le", (160, 96), 30),
        ("export.avi", "mpeg4", "yuv420p", (176, 144), 25),
        ("export.mkv", "libx264", "yuv420p", (160, 96), 25),
        ("camera.avi", "mjpeg", "yuvj422p", (160, 120), 10),
        ("camera.mov", "mjpeg", "yuvj420p", (160, 120), 15),
        ("odd.mkv", "ffv1", "yuv444p", (161, 97), 30),
        ("stream.ts", "libx264", "yuv420p", (160, 96), 25),
        ("gray.mkv", "ffv1", "gray", (160, 96), 25),
    ],
)
def test_everything_that_cameras_make_goes_through(
    tmp_path: Path, run: Ingest, name: str, codec: str, pixels: str, size: tuple[int, int], rate: int
) -> None:
    path = videos.write_video(tmp_path / name, videos.scene(*size), seconds=2, rate=rate, codec=codec, pixels=pixels)
    result = run(path)
    assert result.facts.duration_s == pytest.approx(2, abs=0.1)
    assert result.facts.frames == 2 * rate
    assert (result.facts.width_px, result.facts.height_px) == size
    assert not result.facts.has_audio
    assert result.audio is None
    assert (result.proxy_width_px % 2, result.proxy_height_px % 2) == (0, 0)
    assert len(list(frames(_local(result.proxy)))) == 2 * rate
    assert result.facts.quality.cuts_s == ()


def test_the_sound_is_mono_and_lies_right(tmp_path: Path, run: Ingest) -> None:
    path = videos.write_video(tmp_path / "v.mp4", seconds=4, tone_hz=500, tone_delay_s=1.5)
    result = run(path)
    assert result.facts.has_audio
    assert result.audio is not None
    with wave.open(str(_local(result.audio))) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 16_000, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert samples.size / 16_000 == pytest.approx(4, abs=0.1)
    assert np.flatnonzero(np.abs(samples) > 3000)[0] / 16_000 == pytest.approx(1.5, abs=0.04)


def test_thumbnails_are_few_small_and_spread(tmp_path: Path, run: Ingest, store: ObjectStore) -> None:
    path = videos.write_video(tmp_path / "v.mp4", videos.scene(640, 360), seconds=9, rate=10)
    result = run(path, thumbnail_every_s=1.0, thumbnail_max=5)
    times = [thumbnail.time_s for thumbnail in result.thumbnails]
    assert times == [0, 2, 4, 6, 8]
    image = Image.open(io.BytesIO(store.read_bytes(result.thumbnails[-1].object)))
    assert (image.format, image.size) == ("JPEG", (320, 180))
    assert not image.getexif()


def test_names_places_and_titles_stay_behind(tmp_path: Path, run: Ingest) -> None:
    canary = b"CANARY-7731"
    tags = {"title": "CANARY-7731", "location": "+48.1CANARY-7731/", "artist": "CANARY-7731", "comment": "CANARY-7731"}
    options = {"movflags": "use_metadata_tags"}
    path = videos.write_video(tmp_path / "v.mp4", seconds=1.5, tags=tags, container_options=options, tone_hz=300)
    assert canary in path.read_bytes()
    result = run(path)
    assert result.audio is not None
    derived = [result.proxy, result.audio, *(thumbnail.object for thumbnail in result.thumbnails)]
    for ref in derived:
        assert canary not in _local(ref).read_bytes()
    assert probe(_local(result.proxy)).tags.keys() <= {"major_brand", "minor_version", "compatible_brands", "language",
                                                        "handler_name", "vendor_id"}  # fmt: skip
    assert "CANARY" not in repr(result)


def test_the_clock_of_the_container_becomes_an_anchor(tmp_path: Path, run: Ingest) -> None:
    path = videos.write_video(tmp_path / "v.mp4", tags={"creation_time": "2025-03-04T05:06:07Z"})
    (anchor,) = run(path).facts.anchors
    assert (anchor.at, anchor.source, anchor.pts_us) == ("2025-03-04T05:06:07+00:00", AnchorSource.CONTAINER, 0)
    assert anchor.uncertainty_ms == pytest.approx(4000, abs=1)  # start or end of a 2 s recording, ± 2 s
    assert (
        run(videos.write_video(tmp_path / "w.mp4", tags={"creation_time": "1904-01-01T00:00:00Z"})).facts.anchors == ()
    )


@pytest.mark.parametrize(("captured", "verdict"), [("240.0", Tri.YES), ("30.0", Tri.NO), ("nonsense", Tri.UNKNOWN)])
def test_slow_motion_is_known_from_the_capture_rate(tmp_path: Path, run: Ingest, captured: str, verdict: Tri) -> None:
    tags = {"com.android.capture.fps": captured}
    options = {"movflags": "use_metadata_tags"}
    facts = run(videos.write_video(tmp_path / "v.mp4", tags=tags, container_options=options)).facts
    assert facts.slow_motion is verdict
    assert facts.capture_rate_hz == (None if verdict is Tri.UNKNOWN else float(captured))


def test_the_same_job_leaves_the_same_bytes(tmp_path: Path, run: Ingest) -> None:
    path = videos.write_video(tmp_path / "v.mp4", seconds=2, tone_hz=300)
    first, second = run(path), run(path)
    assert first == second


def test_files_with_a_gap_are_one_recording(tmp_path: Path, run: Ingest) -> None:
    one = videos.write_video(tmp_path / "one.mp4", seconds=3, tone_hz=300)
    two = videos.write_video(tmp_path / "two.mp4", seconds=3, tone_hz=300)
    result = run(one, two, starts=(0.0, 8.0))
    assert result.facts.duration_s == pytest.approx(11, abs=0.05)
    assert result.facts.frames == 180
    assert [round(span.lo, 1) for span in result.facts.quality.frozen] == [3.0]
    assert result.facts.quality.frozen[0].hi == pytest.approx(8, abs=0.05)
    assert len(list(frames(_local(result.proxy)))) == pytest.approx(330, abs=2)
    assert result.audio is not None
    assert result.audio.size_bytes / 32_000 == pytest.approx(11, abs=0.2)


def test_a_turn_in_the_middle_is_letterboxed(tmp_path: Path, run: Ingest) -> None:
    one = videos.write_video(tmp_path / "one.mp4", videos.scene(320, 180), seconds=1.5)
    two = videos.write_video(tmp_path / "two.mp4", videos.scene(180, 320), seconds=1.5)
    result = run(one, two, starts=(0.0, 1.5))
    assert (result.proxy_width_px, result.proxy_height_px) == (320, 180)
    last = list(frames(_local(result.proxy)))[-1].image
    assert last[:, :100].max() < 30
    assert last[:, 130:190].mean() > 60


def test_ordinary_scenes_raise_no_alarm(tmp_path: Path, run: Ingest) -> None:
    """A made-up room, and the real clips where they lie beside the checkout."""
    made = videos.write_video(tmp_path / "room.mp4", videos.scene(640, 360), seconds=3)
    for path in (made, *sorted(CLIPS.glob("[bc]*.mp4"))):
        result = run(path)
        quality = result.facts.quality
        assert max(result.proxy_width_px, result.proxy_height_px) == 640
        assert (quality.dark, quality.blurred, quality.frozen, quality.cuts_s) == ((), (), (), ())
        assert result.facts.infrared is Tri.NO
