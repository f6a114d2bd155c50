"""The engine `vlm` on a real vLLM that serves the tiny trained model with two adapters."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from shutil import copytree

import httpx
import numpy as np
import pytest

from research.phantom.render import render
from research.phantom.scripts import named
from research.tiny_vlm import CHECKPOINT
from schemas.catalogue import Catalogue, Sampling, SamplingKind, load_catalogue
from schemas.errors import InvalidRequestError, ResourceLimitError, TimeoutExceededError
from schemas.model_card import CARD_FILE, ModelCard, ModelRole, PinnedSize
from schemas.recording import Interval
from schemas.segmentation import ViewKind
from services.runtime.weights import digest_of, load_card
from services.semiology.engines import Evidence
from services.semiology.engines.vlm.engine import VlmEngine
from services.semiology.engines.vlm.pictures import Clip, clip_from, clip_of
from services.semiology.engines.vlm.prompts import SYSTEM, ask_text
from services.semiology.engines.vlm.server import ServerReader, media_parts
from services.semiology.engines.vlm.settings import VlmSettings
from tests.services.semiology.vlm import samples
from tests.support import vllm
from tests.support.counterparts import Counterpart
from tests.support.proxy import Proxy

pytestmark = [pytest.mark.conformance, pytest.mark.vision, pytest.mark.timeout(3600)]
LENGTH_S = 30.0
FIVE = Sampling(SamplingKind.CLIP, 5.0, 2.5, 2.0)
LIMBS, BODY = ("clonic", "tonic"), ("hyperkinetic", "full_body_shaking")
LONG_ANSWER = 64
"""Tokens of an answer as the published scripts let it be written; theirs are longer."""


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter whose weights add nothing: a folder with base and adapter."""
    site = tmp_path_factory.mktemp("idle")
    copytree(CHECKPOINT / "base", site / "base")
    copytree(CHECKPOINT / "limbs", site / "idle")
    _without_effect(site / "idle" / "adapter_model.safetensors")
    card = _card("limbs")
    _write_card(site / "idle", replace(card, name="tiny-idle", digest=digest_of(site / "idle")))
    return site


@pytest.fixture(scope="module")
def server(idle: Path) -> Iterator[Counterpart]:
    with vllm.running_vllm(CHECKPOINT / "base", [CHECKPOINT / "limbs", CHECKPOINT / "body", idle / "idle"]) as running:
        yield running


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of a phantom whose arm jerks."""
    path = tmp_path_factory.mktemp("case") / "v.mp4"
    script = replace(named("focal_clonic_right_arm"), window=(6.0, 6.0 + LENGTH_S), jitter_s=0.0)
    render(script, 777, path, size=(320, 180), rate_hz=8.0)
    return path


@pytest.fixture
def reader(server: Counterpart) -> Iterator[ServerReader]:
    made = ServerReader(_settings(server.port))
    yield made
    made.close()


def test_the_engine_finds_base_and_adapters_to_be_what_their_cards_say(server: Counterpart) -> None:
    engine = _engine(server.port)
    engine.load()  # the canaries' figures come from the same weights in process: both ways agree
    assert engine.info().answers == ("tonic", "clonic", "full_body_shaking", "hyperkinetic")


def test_pictures_give_scores_with_nearly_all_mass_on_yes_and_no(reader: ServerReader, video: Path) -> None:
    clip = _clip(video, 14.0)
    question = load_catalogue().by_id["clonic"].question
    (score,) = reader.score(clip, [question], _card("limbs"))
    (again,) = reader.score(clip, [question], _card("limbs"))
    assert score.answer_mass > 0.95
    assert 0 <= score.yes <= 1
    assert again.yes == pytest.approx(score.yes, abs=0.02)
    assert score.prompt_tokens > 8 * len(clip.pictures)


def test_an_adapter_finds_its_own_questions_cached_and_those_of_others_not(reader: ServerReader) -> None:
    clip = _noise(10, (112, 56))
    questions = [load_catalogue().by_id[sign].question for sign in LIMBS]
    first, second = reader.score(clip, questions, _card("limbs"))
    across, _ = reader.score(clip, [load_catalogue().by_id[sign].question for sign in BODY], _card("body"))
    assert first.cached_tokens <= vllm.BLOCK_TOKENS  # at most the words before the pictures, from other tests
    assert second.cached_tokens >= 8 * len(clip.pictures)
    assert across.cached_tokens <= vllm.BLOCK_TOKENS


def test_an_adapter_that_does_nothing_is_refused(server: Counterpart, idle: Path) -> None:
    with pytest.raises(InvalidRequestError, match="'tiny-idle' does nothing"):
        _engine(server.port, idle).load()


def test_another_name_is_refused_at_once(reader: ServerReader, video: Path) -> None:
    unknown = replace(_card("limbs"), digest="0" * 64)
    with pytest.raises(InvalidRequestError, match="does not serve 'tiny-limbs-00000000'"):
        reader.score(_clip(video, 0.0), ["Does an arm jerk?"], unknown)
    assert reader.usage.retries == 0


def test_a_window_that_does_not_fit_is_refused_at_once_with_the_numbers(reader: ServerReader) -> None:
    with pytest.raises(ResourceLimitError, match=str(vllm.LONGEST_TOKENS)):
        reader.score(_noise(60, (448, 252)), ["Does an arm jerk?"], _card("base"))
    assert reader.usage.retries == 0


def test_a_written_reason_is_held_to_its_schema(reader: ServerReader, video: Path) -> None:
    found = reader.explain(_clip(video, 14.0), load_catalogue().by_id["clonic"].question, _card("limbs"))
    assert reader.usage.explained == 1
    assert reader.usage.generated_tokens > 1
    assert found is None or found.offset_s >= found.onset_s  # a model of this size writes no sense


def test_a_busy_and_a_failing_server_are_asked_again(server: Counterpart, video: Path) -> None:
    with vllm.gate_before(server.port) as gate:
        gate.faults += [429, 503, 500]
        reader = ServerReader(_settings(server.port).model_copy(update={"url": gate.url}))
        (score,) = reader.score(_clip(video, 5.0), ["Does an arm jerk?"], _card("base"))
        reader.close()
    assert score.answer_mass > 0
    assert (reader.usage.retries, gate.passed) == (3, 1)


def test_a_server_that_falls_silent_is_given_up_on_in_time_and_found_again(server: Counterpart, video: Path) -> None:
    clip, question = _clip(video, 5.0), "Does an arm jerk?"
    with Proxy("127.0.0.1", server.port) as proxy:
        short = _settings(proxy.port).model_copy(update={"timeout_s": 1.0, "patience_s": 1.0})
        reader = ServerReader(short)
        proxy.stall()
        with pytest.raises(TimeoutExceededError, match="did not answer within 1 s"):
            reader.score(clip, [question], _card("base"))
        reader.close()
        proxy.cut()
        proxy.heal()
        patient = ServerReader(_settings(proxy.port))
        (score,) = patient.score(clip, [question], _card("base"))
        patient.close()
    assert score.answer_mass > 0


def test_a_site_pays_a_fifth_of_one_long_call_per_question(
    server: Counterpart, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    catalogue = load_catalogue("pathmotion")
    site = _site_of_twenty_features(tmp_path, catalogue)
    settings = _settings(server.port, site).model_copy(update={"explain_tokens": 32})
    engine = VlmEngine(settings, catalogue)
    engine.load()
    asked = engine.info().answers
    before = _counters(server.port)
    engine.study(_evidence(video), lambda *_: None)
    middle = _counters(server.port)
    clip = clip_of(video, Interval(0.0, LENGTH_S), 2.0, (280, 168), SamplingKind.CLIP)
    for number, sign in enumerate(asked):
        _as_published(server.port, clip, catalogue.by_id[sign].question, salt=str(number))
    after = _counters(server.port)
    ours, theirs = middle - before, after - middle
    with capsys.disabled():
        sys.stdout.write(_table(len(asked), ours, theirs))
    assert theirs[1] == 0
    assert ours[0] - ours[1] <= (theirs[0] - theirs[1]) / 5


def test_a_server_killed_in_the_middle_of_a_case_loses_nothing(server: Counterpart, video: Path) -> None:
    """The last test: the server starts again."""
    engine = _engine(server.port)
    engine.load()
    undisturbed = engine.study(_evidence(video), lambda *_: None)
    helpers: list[threading.Thread] = []

    def kill_once(_: float, __: str, words: str) -> None:
        if words.startswith("window 3 ") and not helpers:
            server.kill()
            helpers.append(threading.Thread(target=server.start))
            helpers[0].start()

    disturbed = engine.study(_evidence(video), kill_once)
    helpers[0].join()
    assert engine._reader is not None
    assert engine._reader.usage.retries > 0
    for one, other in zip(undisturbed.tracks(), disturbed.tracks(), strict=True):
        assert np.isfinite(other.score).any()
        np.testing.assert_allclose(other.score, one.score, atol=0.02)


def _card(name: str) -> ModelCard:
    return load_card(CHECKPOINT / name, ModelRole.VLM if name == "base" else ModelRole.ADAPTER)


def _write_card(folder: Path, card: ModelCard) -> None:
    (folder / CARD_FILE).write_text(json.dumps(asdict(card)), encoding="utf-8")


def _settings(port: int, site: Path = CHECKPOINT) -> VlmSettings:
    return VlmSettings(
        weights=str(site), url=f"http://127.0.0.1:{port}/v1", timeout_s=600, patience_s=vllm.START_S, concurrency=4
    )


def _engine(port: int, site: Path = CHECKPOINT) -> VlmEngine:
    """The catalogue's questions in the windows that the tiny model learnt: five seconds at two pictures a second."""
    catalogue = load_catalogue()
    signs = tuple(replace(sign, sampling=FIVE) for sign in catalogue.signs)
    return VlmEngine(_settings(port, site).model_copy(update={"explain": False}), replace(catalogue, signs=signs))


def _evidence(video: Path) -> Evidence:
    return samples.evidence(video, LENGTH_S, {ViewKind.FACE_CROP: samples.view(ViewKind.FACE_CROP)})


def _clip(video: Path, start_s: float) -> Clip:
    return clip_of(video, Interval(start_s, start_s + 5.0), 2.0, (112, 56), SamplingKind.CLIP)


def _noise(pictures: int, size: tuple[int, int]) -> Clip:
    random = np.random.default_rng()  # never seen before, so that nothing of it is cached
    return clip_from([random.integers(0, 256, (size[1], size[0], 3), np.uint8) for _ in range(pictures)], 0.5)


def _site_of_twenty_features(folder: Path, catalogue: Catalogue) -> Path:
    """Cards beside a server: limbs and all else that full frames show by the adapters, faces by the base."""
    sizes = (PinnedSize(ViewKind.FULL_FRAME, 280, 168), PinnedSize(ViewKind.FACE_CROP, 140, 140))
    limbs = {sign.id for sign in catalogue.signs if sign.adapter == "limbs"}
    body = {sign.id for sign in catalogue.signs if not (sign.heard or sign.facial)} - limbs
    for name, signs in (("base", set[str]()), ("limbs", limbs), ("body", body)):
        copytree(CHECKPOINT / name, folder / name)
        views = (ViewKind.FULL_FRAME, ViewKind.FACE_CROP)
        _write_card(folder / name, replace(_card(name), signs=tuple(sorted(signs)), views=views, sizes=sizes))
    return folder


def _counters(port: int) -> np.ndarray:
    """Tokens since the server's start: of prompts, of these cached, generated."""
    names = ("prompt_tokens_total", "prompt_tokens_cached_total", "generation_tokens_total")
    return np.array([vllm.metric(port, name) for name in names])


def _table(questions: int, ours: np.ndarray, theirs: np.ndarray) -> str:
    lines = [f"\n{questions} questions about 30 s (60 pictures); tokens as the server counted them"]
    for name, spent in (("ictogram", ours), ("one long call per question", theirs)):
        lines.append(f"  {name:28} prefill {spent[0]:7.0f}  of it cached {spent[1]:7.0f}  generated {spent[2]:6.0f}")
    return "\n".join([*lines, f"  uncached prefill: {(ours[0] - ours[1]) / (theirs[0] - theirs[1]):.3f} of theirs\n"])


def _as_published(port: int, clip: Clip, question: str, salt: str) -> None:
    """One question, one call, a long answer. The salt keeps the server from remembering, as those scripts do not."""
    request = {
        "model": _card("base").served_name,
        "messages": [
            {"role": "system", "content": SYSTEM},
            {
                "role": "user",
                "content": [*media_parts(clip.pictures), {"type": "text", "text": ask_text(clip, question)}],
            },
        ],
        "temperature": 0,
        "max_tokens": LONG_ANSWER,
        "ignore_eos": True,
        "cache_salt": salt,
    }
    httpx.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=request, timeout=600).raise_for_status()


def _without_effect(path: Path) -> None:
    """Set the second factor of every layer of an adapter to zero, in place."""
    content = bytearray(path.read_bytes())
    head = 8 + int.from_bytes(content[:8], "little")
    for name, tensor in json.loads(content[8:head]).items():
        if "lora_B" in name:
            first, last = tensor["data_offsets"]
            content[head + first : head + last] = bytes(last - first)
    path.write_bytes(content)
