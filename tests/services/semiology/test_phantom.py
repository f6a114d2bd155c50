"""One small phantom through the whole job: decoded, measured, judged, stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from research.phantom.render import render
from research.phantom.script import Act, Script
from schemas.catalogue import load_catalogue
from schemas.engine import EngineInfo
from schemas.recording import Box, IntakeResult, ObjectRef, Recording, RecordingFacts, Tri
from schemas.segmentation import Segmentation
from schemas.semiology import FindingStatus, Reason, SemiologyResult, Side
from services.media.decode import probe
from services.media.tracks import load_tracks
from services.runtime.objects import ObjectStore
from services.semiology.service import JudgeJob, judge

RATE_HZ, SECONDS = 25.0, 20.0


def judged(folder: Path, script: Script) -> SemiologyResult:
    video = folder / "phantom.mp4"
    truth = render(script, 3, video, size=(480, 270), rate_hz=RATE_HZ, camera="overhead", infrared=False)
    seen = probe(video)
    store = ObjectStore((folder / "store").as_uri())
    proxy = store.put_file(video, store.join("", "proxy.mp4"), "video/mp4")
    facts = RecordingFacts(
        container="mp4",
        codec="h264",
        width_px=480,
        height_px=270,
        rotation_deg=0,
        duration_s=SECONDS,
        start_us=seen.start_us,
        frames=int(SECONDS * RATE_HZ),
        nominal_rate_hz=RATE_HZ,
        effective_rate_hz=RATE_HZ,
        variable_rate=False,
        interlaced=False,
        has_audio=False,
    )
    engine = EngineInfo("truth", "1", "0")
    patient = Box(*truth.patient_box) if truth.patient_box else None
    job = JudgeJob(
        output_prefix=store.join("", "out"),
        object_store=store.root,
        recording=Recording("r1", (), mirrored=Tri.UNKNOWN),
        intake=IntakeResult(facts, proxy, 480, 270, RATE_HZ, None),
        segmentation=Segmentation(engine, ObjectRef("", "", 0, ""), 1.0, patient),
    )
    steps: list[float] = []
    result = judge(job, lambda fraction, _stage, _message: steps.append(fraction))
    assert steps == sorted(steps)
    return result


@pytest.fixture(scope="module")
def clonic(tmp_path_factory: pytest.TempPathFactory) -> SemiologyResult:
    script = Script("short", SECONDS, acts=(Act("clonic", 6.0, 17.0, "right", 1, {"first_hz": 3.5}),))
    return judged(tmp_path_factory.mktemp("clonic"), script)


def test_the_seizure_is_found_with_its_onset(clonic: SemiologyResult) -> None:
    (episode,) = clonic.episodes
    assert episode.id == "r1-e1"
    assert episode.onset_captured
    assert episode.onset_s.middle_s == pytest.approx(6.0, abs=1.0)


def test_every_sign_of_the_catalogue_has_one_finding(clonic: SemiologyResult) -> None:
    findings = {finding.sign: finding for finding in clonic.episodes[0].findings}
    assert set(findings) == {sign.id for sign in load_catalogue().signs}
    assert findings["clonic"].status is FindingStatus.PRESENT
    assert findings["clonic"].engine is not None
    assert not findings["clonic"].calibrated
    assert findings["ictal_vocalization"].reason is Reason.NO_ENGINE
    assert findings["verbal_responsiveness"].status is FindingStatus.NOT_TESTED
    assert findings["verbal_responsiveness"].reason is Reason.NO_QUESTION_HEARD


def test_an_unknown_mirror_leaves_the_side_unconfirmed(clonic: SemiologyResult) -> None:
    findings = {finding.sign: finding for finding in clonic.episodes[0].findings}
    (occurrence,) = findings["clonic"].occurrences
    assert occurrence.side in {Side.RIGHT, Side.UNDETERMINED}
    assert not occurrence.side_confirmed
    assert occurrence.id == "r1-e1-clonic-1"


def test_tracks_are_stored(clonic: SemiologyResult) -> None:
    assert clonic.tracks is not None
    path = Path(clonic.tracks.uri.removeprefix("file://"))
    tracks = {track.sign: track for track in load_tracks(path)}
    curve = tracks["clonic"]
    assert curve.score[(curve.time_s > 8) & (curve.time_s < 15)].min() > 0.5
    assert curve.score[curve.time_s < 4].max() == 0


def test_a_calm_patient_gives_no_episode_but_says_what_was_looked_at(tmp_path: Path) -> None:
    result = judged(tmp_path, Script("calm", SECONDS, acts=()))
    assert result.episodes == ()
    assert result.coverage.assessable_s == pytest.approx(SECONDS, abs=0.5)
    assert result.engines[0].name == "kinematic"
