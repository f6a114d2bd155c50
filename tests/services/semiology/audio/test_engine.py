"""The engine that listens: with a model server over real HTTP, and without any model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from schemas.errors import InvalidRequestError
from schemas.model_card import Canary, ModelCard, ModelRole
from schemas.recording import Interval, ObjectRef
from schemas.segmentation import View, ViewKind
from schemas.semiology import FindingStatus, Reason
from services.runtime.convert import to_json
from services.semiology.combination import opinion_of
from services.semiology.engines import Answer, Evidence, LocalView
from services.semiology.engines.audio.engine import (
    ATTENDED,
    QUESTION_HEARD,
    RESPONSE,
    UNATTRIBUTED,
    VOCALISATION,
    AudioEngine,
)
from services.semiology.engines.audio.settings import AudioSettings
from services.semiology.engines.audio.sound import wav
from services.semiology.engines.audio.voice import RATE_HZ
from tests.services.semiology.audio.test_voice import noise, vowel
from tests.services.semiology.vlm import samples
from tests.services.semiology.vlm.model_server import Desk, serving

SECONDS = 60.0
CARD = ModelCard(
    name="listener",
    version="1",
    role=ModelRole.AUDIO_LM,
    digest="c" * 64,
    training="made up for tests",
    license="Apache-2.0",
    canary=Canary("canary.wav", "Is it loud?", yes=0.5, tolerance=0.2),
)


def heard(tmp_path: Path, sound: npt.NDArray[np.float32] | None) -> Evidence:
    """A recording of a minute with this sound."""
    evidence = samples.evidence(tmp_path / "none.mp4", SECONDS)
    if sound is None:
        return replace(evidence, open_view=lambda _: None)
    path = tmp_path / "audio.wav"
    path.write_bytes(wav(sound))
    local = LocalView(View(ViewKind.AUDIO, ObjectRef("memory://a", "0" * 64, 1, "audio/wav")), path)
    return replace(evidence, open_view=lambda kind: local if kind is ViewKind.AUDIO else None)


def cry() -> npt.NDArray[np.float32]:
    """A quiet minute with one cry of two seconds."""
    return np.concatenate((noise(), noise(seed=4) + vowel(300, 3, 5), noise(seed=5), noise(seed=6), noise(seed=7)))


def answers(engine: AudioEngine, evidence: Evidence) -> dict[str, Answer]:
    study = engine.study(evidence, lambda *_: None)
    return {answer.sign: answer for answer in study.answers(samples.episode(10.0, 30.0))}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Desk, AudioSettings]]:
    """A model that hears a question only where it is told so, and says yes to loud sound."""
    folder = tmp_path / "listener"
    folder.mkdir()
    (folder / "card.json").write_bytes(to_json(CARD))
    (folder / "canary.wav").write_bytes(wav(np.full(RATE_HZ, 0.05, np.float32)))
    desk = Desk({CARD.served_name: lambda level, _: (0.9 * min(1.0, level), 0.9 * (1 - min(1.0, level)))})
    with serving(desk) as running:
        yield running, AudioSettings(weights=str(folder), url=running.url, patience_s=0.0)


def test_without_a_model_a_voice_is_a_possible_vocalisation_and_no_more(tmp_path: Path) -> None:
    engine = AudioEngine(AudioSettings())
    engine.load()
    told = answers(engine, heard(tmp_path, cry()))
    (sighting,) = told[VOCALISATION].sightings
    assert sighting.onset_s.lo <= 15.0 <= sighting.onset_s.hi
    assert sighting.score == UNATTRIBUTED
    sign = next(s for s in engine._catalogue.signs if s.id == VOCALISATION)
    assert opinion_of(told[VOCALISATION], engine.info(), sign, 20.0).status is FindingStatus.POSSIBLE
    assert told[RESPONSE].reason is Reason.NO_QUESTION_HEARD


def test_a_voice_counts_less_while_somebody_else_is_there(tmp_path: Path) -> None:
    engine = AudioEngine(AudioSettings())
    evidence = heard(tmp_path, cry())
    attended = replace(evidence.segmentation, others_present=(Interval(5, 50),))
    (sighting,) = answers(engine, replace(evidence, segmentation=attended))[VOCALISATION].sightings
    assert sighting.score == ATTENDED
    assert "somebody else" in sighting.rationale


def test_without_sound_nothing_is_assessable(tmp_path: Path) -> None:
    told = answers(AudioEngine(AudioSettings()), heard(tmp_path, None))
    assert told[VOCALISATION].reason is Reason.NO_AUDIO
    assert told[VOCALISATION].assessable_s == 0


def test_a_model_is_asked_about_windows_of_sound(tmp_path: Path, site: tuple[Desk, AudioSettings]) -> None:
    desk, settings = site
    engine = AudioEngine(settings)
    engine.load()
    told = answers(engine, heard(tmp_path, np.full(round(SECONDS * RATE_HZ), 0.09, np.float32)))
    assert told[VOCALISATION].score == pytest.approx(0.9, abs=0.02)
    assert told[RESPONSE].assessable_s > 0
    asked = [request["messages"][-1]["content"][-1]["text"] for request in desk.requests]
    assert any(QUESTION_HEARD in text for text in asked)
    assert all(request["max_tokens"] == 1 for request in desk.requests)


@pytest.mark.req("an-unasked-patient-was-not-tested")
def test_where_no_question_is_heard_the_response_was_not_tested(
    tmp_path: Path, site: tuple[Desk, AudioSettings]
) -> None:
    desk, settings = site
    desk.models[CARD.served_name] = lambda _, text: (0.05, 0.9) if QUESTION_HEARD in text else (0.45, 0.45)
    engine = AudioEngine(settings)
    engine.load()
    told = answers(engine, heard(tmp_path, np.full(round(SECONDS * RATE_HZ), 0.05, np.float32)))
    sign = next(s for s in engine._catalogue.signs if s.id == RESPONSE)
    assert told[RESPONSE].reason is Reason.NO_QUESTION_HEARD
    assert opinion_of(told[RESPONSE], engine.info(), sign, 20.0).status is FindingStatus.NOT_TESTED
    assert told[VOCALISATION].assessable_s > 0


def test_another_model_under_the_same_name_is_refused(site: tuple[Desk, AudioSettings]) -> None:
    desk, settings = site
    desk.models[CARD.served_name] = lambda *_: (0.05, 0.9)
    with pytest.raises(InvalidRequestError, match="answers its canary with"):
        AudioEngine(settings).load()


def test_a_card_of_another_kind_is_refused(tmp_path: Path) -> None:
    told = json.loads(to_json(CARD)) | {"role": "pose"}
    (tmp_path / "card.json").write_text(json.dumps(told))
    with pytest.raises(InvalidRequestError, match="pose, not an audio_lm"):
        AudioEngine(AudioSettings(weights=str(tmp_path)))
