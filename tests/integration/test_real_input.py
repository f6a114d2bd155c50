"""Phones, cameras, exports and broken files, through the whole system."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import schemas
from schemas.errors import IctogramError, InvalidRequestError
from tests.support.stack import StackUnderTest
from tests.support.videos import cut_off, scene, write_sound_only, write_video

REPORT_SCHEMA = json.loads((Path(schemas.__file__).parent / "report.schema.json").read_text(encoding="utf-8"))

EVERYDAY_CLIPS = sorted((Path(__file__).parents[3] / "shared" / "clips").glob("*.mp4"))

READABLE: dict[str, Callable[[Path], Path]] = {
    "phone, turned": lambda d: write_video(d / "a.mp4", seconds=3, rotation_ccw=90),
    "phone, variable rate": lambda d: write_video(
        d / "a.mp4", times_s=list(np.cumsum(np.random.default_rng(5).uniform(0.02, 0.06, 80)))
    ),
    "phone, HEVC": lambda d: write_video(d / "a.mov", seconds=3, codec="libx265"),
    "phone, odd size": lambda d: write_video(d / "a.mp4", scene(162, 94), seconds=3),
    "phone, slow motion": lambda d: write_video(
        d / "a.mov", seconds=3, rate=30, tags={"com.apple.quicktime.video.capture-frame-rate": "240"}
    ),
    "with sound": lambda d: write_video(d / "a.mp4", seconds=3, tone_hz=440),
    "MPEG-4 ASP in AVI": lambda d: write_video(d / "a.avi", seconds=3, codec="mpeg4"),
    "H.264 in MKV": lambda d: write_video(d / "a.mkv", seconds=3, rate=Fraction(25)),
    "MJPEG in AVI": lambda d: write_video(d / "a.avi", seconds=3, codec="mjpeg", pixels="yuvj420p"),
}


def text_named_mp4(folder: Path) -> Path:
    path = folder / "a.mp4"
    path.write_text("This is not a video.\n" * 100, encoding="utf-8")
    return path


def empty(folder: Path) -> Path:
    (folder / "a.mp4").touch()
    return folder / "a.mp4"


UNREADABLE: dict[str, Callable[[Path], Path]] = {
    "empty": empty,
    "text named mp4": text_named_mp4,
    "sound only": lambda d: write_sound_only(d / "a.mp4"),
    "one frame": lambda d: write_video(d / "a.mp4", seconds=1 / 30),
    "truncated": lambda d: cut_off(write_video(d / "whole.mkv", seconds=6), d / "a.mkv", 0.3),
    "huge dimensions": lambda d: write_video(d / "a.mp4", scene(4352, 64), seconds=1.5, rate=4),
}


QUICK = ("phone, HEVC", "phone, slow motion", "with sound", "MJPEG in AVI")
"""Those that stand for the others while somebody waits."""


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in QUICK else pytest.mark.slow) for kind in READABLE]
)
def test_it_goes_through(under_test: StackUnderTest, tmp_path: Path, kind: str) -> None:
    case_id = under_test.submit(READABLE[kind](tmp_path))
    under_test.wait(case_id)
    with under_test.client() as client:
        report = json.loads(client.download(f"/cases/{case_id}/report.json"))
        pdf = client.download(f"/cases/{case_id}/report.pdf")
        bundle = json.loads(client.download(f"/cases/{case_id}/report/fhir"))
    jsonschema.validate(report, REPORT_SCHEMA)
    assert report["episodes"] == []
    assert report["recordings"][0]["coverage"]["duration_s"] > 2.0
    assert pdf.startswith(b"%PDF-")
    assert bundle["type"] == "transaction"


@pytest.mark.req("bad-input-is-said-clearly")
@pytest.mark.parametrize("kind", UNREADABLE)
def test_it_is_refused_in_one_sentence(under_test: StackUnderTest, tmp_path: Path, kind: str) -> None:
    path = UNREADABLE[kind](tmp_path)
    try:
        case_id = under_test.submit(path)
    except InvalidRequestError as error:
        message = error.message
    else:
        message = under_test.wait(case_id, "failed")["case"]["error_message"]
    assert len(message) > 20
    assert str(tmp_path) not in message
    assert under_test.case_is_possible(), "the services must stay up"


@pytest.mark.req("same-order-same-case")
def test_the_same_bytes_for_the_same_order_are_the_same_case(under_test: StackUnderTest, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", scene(seed=4), seconds=2)
    first = under_test.submit(video, order="ORDER-SAME")
    assert under_test.submit(video, order="ORDER-SAME") == first
    assert under_test.submit(video, order="ORDER-OTHER") != first


@pytest.mark.skipif(not EVERYDAY_CLIPS, reason="the everyday clips do not lie beside this checkout")
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_everyday_clips_hold_no_episode(under_test: StackUnderTest) -> None:
    for case_id in [under_test.submit(clip) for clip in EVERYDAY_CLIPS]:
        under_test.wait(case_id, patience_s=300)
        with under_test.client() as client:
            report = json.loads(client.download(f"/cases/{case_id}/report.json"))
        assert report["episodes"] == []
        assert report["recordings"][0]["coverage"]["duration_s"] > 5


def test_a_case_of_somebody_else_is_not_found(under_test: StackUnderTest) -> None:
    with under_test.client() as client, pytest.raises(IctogramError, match=r"nothing|no case|not"):
        client.case("00000000-0000-4000-8000-000000000000")
