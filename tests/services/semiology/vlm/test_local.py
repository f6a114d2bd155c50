from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.catalogue import Sampling, SamplingKind, load_catalogue
from schemas.errors import InvalidRequestError
from schemas.model_card import PinnedSize
from schemas.segmentation import ViewKind
from services.runtime.weights import digest_of
from services.semiology.engines.vlm.cards import Models, check_canaries, check_weights, read_models
from services.semiology.engines.vlm.engine import VlmLocalEngine
from services.semiology.engines.vlm.prompts import ask_text
from services.semiology.engines.vlm.reader import label_score
from services.semiology.engines.vlm.settings import VlmSettings
from tests.services.semiology.vlm import samples, tiny
from tests.support.videos import write_video

pytest.importorskip("torch", reason="the extra `vision` is not installed")
pytestmark = pytest.mark.vision

CATALOGUE = load_catalogue()
QUESTIONS = [
    "Does an arm jerk again and again?",
    "Is an arm held stiff?",
    "Are the patient's eyes open and fixed on one spot, with an empty expression?",
    "Does the patient roll over?",
    "Yes?",
]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make_site(tmp_path_factory.mktemp("site"), {"limbs": ("clonic",), "face": ("blank_stare",)})


@pytest.fixture(scope="module")
def models(site: Path) -> Models:
    return read_models(site, CATALOGUE)


@pytest.fixture(scope="module")
def reader(models: Models) -> tiny.LocalReader:
    return tiny.LocalReader(models, VlmSettings(batch=5))


def test_the_same_question_has_the_same_answer(reader: tiny.LocalReader, models: Models) -> None:
    first = reader.score(tiny.clip(), QUESTIONS, models.base.card)
    again = reader.score(tiny.clip(), QUESTIONS, models.base.card)
    assert first == again
    assert len({round(score.yes, 4) for score in first}) == len(QUESTIONS), "questions matter"
    assert all(0 < score.answer_mass <= 1 for score in first)


def test_pictures_matter_and_so_does_their_order(reader: tiny.LocalReader, models: Models) -> None:
    clip = tiny.clip()
    turned = replace(clip, pictures=clip.pictures[::-1])
    (there,) = reader.score(clip, QUESTIONS[:1], models.base.card)
    (back,) = reader.score(turned, QUESTIONS[:1], models.base.card)
    assert abs(there.yes - back.yes) > 1e-4


def test_questions_in_a_batch_have_the_answers_they_have_alone(reader: tiny.LocalReader, models: Models) -> None:
    """Questions of different lengths are padded; the padding must not be seen."""
    clip = tiny.clip()
    for card in (models.base.card, models.adapters[0].card):
        together = reader.score(clip, QUESTIONS, card)
        alone = [reader.score(clip, [question], card)[0] for question in QUESTIONS]
        for batched, single in zip(together, alone, strict=True):
            assert batched.yes == pytest.approx(single.yes, abs=1e-4)
            assert batched.answer_mass == pytest.approx(single.answer_mass, abs=1e-4)
            assert batched.prompt_tokens == single.prompt_tokens


def test_sharing_the_pictures_gives_what_a_whole_prompt_gives(reader: tiny.LocalReader, models: Models) -> None:
    """The plain way, without any sharing: one forward pass over the processor's own tensors."""
    import torch

    clip = tiny.clip()
    card = models.base.card
    shared = reader.score(clip, QUESTIONS, card)
    words, model = reader._processor, reader._model
    for question, score in zip(QUESTIONS, shared, strict=True):
        inputs = reader._inputs(clip, reader._prompt(clip, ask_text(clip, question)))
        assert "mm_token_type_ids" in inputs
        with torch.inference_mode(), model.disable_adapter():
            logprobs = torch.log_softmax(model(**inputs).logits[0, -1].float(), -1)
        top = logprobs.topk(20)
        tokens = zip((words.tokenizer.decode([i]) for i in top.indices.tolist()), top.values.tolist(), strict=True)
        assert (score.yes, score.answer_mass) == pytest.approx(label_score(tokens, card), abs=1e-4)
        assert score.prompt_tokens == inputs["input_ids"].shape[1]
    assert shared[0].cached_tokens == 0
    assert min(score.cached_tokens for score in shared[1:]) > len(clip.pictures) * 6


def test_an_adapter_changes_the_answer_and_leaves_the_base_as_it_was(reader: tiny.LocalReader, models: Models) -> None:
    clip = tiny.clip()

    def yes(card: samples.ModelCard) -> float:
        return reader.score(clip, QUESTIONS[:1], card)[0].yes

    face, limbs = (model.card for model in models.adapters)
    before, one, other, after = yes(models.base.card), yes(face), yes(limbs), yes(models.base.card)
    assert before == after
    assert min(abs(before - one), abs(before - other), abs(one - other)) > 1e-3


def test_tokens_are_counted_as_the_pinned_size_says(reader: tiny.LocalReader, models: Models) -> None:
    few, many = tiny.clip(pictures=2), tiny.clip(pictures=6)
    (short,), (long,) = (reader.score(clip, QUESTIONS[:1], models.base.card) for clip in (few, many))
    per_picture = (56 // 28) * (84 // 28) + 2
    assert long.prompt_tokens - short.prompt_tokens == 4 * per_picture


def test_canaries_hold_and_an_adapter_with_no_effect_is_refused(site: Path, tmp_path: Path) -> None:
    models = read_models(site, CATALOGUE)
    check_weights(models, needed=True)
    check_canaries(models, tiny.LocalReader(models, VlmSettings()))
    shutil.copytree(site, tmp_path / "site")
    empty = tmp_path / "site" / "limbs"
    (empty / "adapter_model.safetensors").unlink()
    tiny.save_adapter(empty, tmp_path / "site" / "base", tiny.LANGUAGE, empty=True)
    card = next(model.card for model in models.adapters if model.card.name == "limbs")
    samples.write_card(empty, replace(card, digest=digest_of(empty)))
    changed = read_models(tmp_path / "site", CATALOGUE)
    check_weights(changed, needed=True)
    with pytest.raises(InvalidRequestError, match="'limbs' does nothing"):
        check_canaries(changed, tiny.LocalReader(changed, VlmSettings()))


def test_a_real_adapter_of_the_vision_tower_is_refused(site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    seeing = tmp_path / "site" / "limbs"
    tiny.save_adapter(seeing, tmp_path / "site" / "base", tiny.VISION)
    card = next(model.card for model in read_models(site, CATALOGUE).adapters if model.card.name == "limbs")
    samples.write_card(seeing, replace(card, digest=digest_of(seeing)))
    with pytest.raises(InvalidRequestError, match="changes the vision tower"):
        check_weights(read_models(tmp_path / "site", CATALOGUE), needed=True)


def test_a_card_that_is_not_loaded_is_named(reader: tiny.LocalReader) -> None:
    with pytest.raises(InvalidRequestError, match="no weights named 'other-cccccccc'"):
        reader.score(tiny.clip(), QUESTIONS[:1], samples.card("other", "c" * 64))


def test_random_weights_write_no_reason_and_that_is_no_error(reader: tiny.LocalReader, models: Models) -> None:
    before = reader.usage
    assert reader.explain(tiny.clip(), QUESTIONS[0], models.base.card) is None
    assert reader.usage.explained == before.explained + 1
    assert reader.usage.generated_tokens > before.generated_tokens


def test_a_missing_gpu_is_said_so(models: Models) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(InvalidRequestError, match="no CUDA device"):
        tiny.LocalReader(models, VlmSettings(device="cuda"))


def test_the_engine_goes_from_pixels_to_answers(site: Path, tmp_path: Path) -> None:
    sampling = Sampling(SamplingKind.CLIP, 4.0, 2.0, 1.0)
    signs = tuple(samples.sign(name, sampling=sampling) for name in ("clonic", "tonic"))
    base = tmp_path / "site"
    shutil.copytree(site, base)
    card = read_models(base, CATALOGUE).base.card
    samples.write_card(base / "base", replace(card, sizes=(PinnedSize(ViewKind.FULL_FRAME, 84, 56),)))
    # The clip beside the card was written anew, by the same program from the same picture: the canary holds.
    engine = VlmLocalEngine(VlmSettings(weights=str(base), explain=False), replace(CATALOGUE, signs=signs))
    engine.load()
    video = write_video(tmp_path / "v.mp4", seconds=8.0, rate=10)
    study = engine.study(samples.evidence(video, 8.0), lambda *_: None)
    answers = study.answers(samples.episode(1.0, 7.0))
    assert [answer.sign for answer in answers] == ["clonic", "tonic"]
    assert all(answer.assessable_s == pytest.approx(6.0) for answer in answers)
    assert all(0 < answer.score < 1 for answer in answers)
