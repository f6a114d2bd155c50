from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.catalogue import load_catalogue
from schemas.errors import InvalidRequestError
from schemas.model_card import Canary, ModelCard, ModelRole, PinnedSize
from schemas.segmentation import ViewKind
from services.runtime.weights import digest_of
from services.semiology.engines.vlm.cards import (
    Model,
    Models,
    check_canaries,
    check_weights,
    read_models,
    size_of,
)
from services.semiology.engines.vlm.pictures import Clip
from services.semiology.engines.vlm.reader import LabelScore, Usage
from tests.services.semiology.vlm import samples

CATALOGUE = load_catalogue()
LANGUAGE = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight"
VISION = "base_model.model.model.visual.blocks.0.attn.qkv.lora_A.weight"


class Spoken:
    """A reader whose answers are written down per model."""

    clips_at_once = 1
    usage = Usage()

    def __init__(self, **answers: float | LabelScore) -> None:
        self.answers = answers

    def score(self, clip: Clip, questions: list[str], card: ModelCard) -> list[LabelScore]:
        assert clip.pictures
        answer = self.answers[card.name]
        return [answer if isinstance(answer, LabelScore) else LabelScore(answer, 0.9)] * len(questions)

    def explain(self, clip: Clip, question: str, card: ModelCard) -> None:
        raise AssertionError


def _adapter(root: Path, *modules: str, **config: object) -> Path:
    """A site whose adapter has weights with these tensors."""
    folder = samples.site(root, samples.adapter_card("limbs", ("clonic",))) / "limbs"
    samples.write_tensors(folder / "adapter_model.safetensors", modules)
    (folder / "adapter_config.json").write_text(json.dumps({"use_dora": False, "bias": "none", **config}))
    samples.write_card(folder, samples.adapter_card("limbs", ("clonic",), digest=digest_of(folder)))
    return root


def test_a_base_answers_for_what_no_adapter_lists(tmp_path: Path) -> None:
    models = read_models(samples.site(tmp_path, samples.adapter_card("limbs", ("clonic",))), CATALOGUE)
    answering = {sign.id: models.for_sign(sign) for sign in CATALOGUE.signs}
    assert answering["clonic"] == models.adapters[0].card
    assert answering["tonic"] == models.base.card
    assert answering["ictal_vocalization"] is None, "it is heard"
    assert answering["m2e"] is None, "people enter it"


def test_a_sign_that_people_enter_is_judged_by_a_model_that_lists_it(tmp_path: Path) -> None:
    models = read_models(samples.site(tmp_path, samples.adapter_card("limbs", ("m2e",))), CATALOGUE)
    assert models.for_sign(CATALOGUE.by_id["m2e"]) == models.adapters[0].card


def test_a_base_with_a_list_answers_for_no_more(tmp_path: Path) -> None:
    models = read_models(samples.site(tmp_path, base=samples.card(signs=("clonic",))), CATALOGUE)
    assert [sign.id for sign in CATALOGUE.signs if models.for_sign(sign)] == ["clonic"]


def test_of_two_adapters_the_catalogue_names_one(tmp_path: Path) -> None:
    both = [samples.adapter_card(name, ("clonic",)) for name in ("tiny-limbs", "other")]
    models = read_models(samples.site(tmp_path / "a", *both), CATALOGUE)
    chosen = models.for_sign(CATALOGUE.by_id["clonic"])
    assert chosen is not None
    assert chosen.name == "tiny-limbs"
    unnamed = [samples.adapter_card(name, ("clonic",)) for name in ("one", "other")]
    with pytest.raises(InvalidRequestError, match="one, other all answer for 'clonic'"):
        read_models(samples.site(tmp_path / "b", *unnamed), CATALOGUE)


@pytest.mark.parametrize(
    ("card", "complaint"),
    [
        (samples.adapter_card("limbs", ("clonic",), base="d" * 64), "belongs to the base dddddddddddd, not to bbbb"),
        (samples.adapter_card("limbs", ()), "lists no signs"),
        (samples.card("second"), "exactly one base model .* found: base, second"),
    ],
)
def test_cards_that_do_not_belong_together_are_refused(card: ModelCard, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=complaint):
        read_models(samples.site(tmp_path, card), CATALOGUE)


def test_models_with_other_roles_may_lie_in_the_folder(tmp_path: Path) -> None:
    voice = replace(samples.card("voice"), role=ModelRole.AUDIO_LM)
    assert read_models(samples.site(tmp_path, voice), CATALOGUE).adapters == ()


@pytest.mark.parametrize("folder", ["", "missing"])
def test_no_folder_is_said_so(folder: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="ICTOGRAM_VLM_WEIGHTS is no folder"):
        read_models(tmp_path / folder if folder else Path(), CATALOGUE)


def test_beside_a_server_no_weights_are_needed_in_process_they_are(tmp_path: Path) -> None:
    models = read_models(samples.site(tmp_path), CATALOGUE)
    check_weights(models, needed=False)
    with pytest.raises(InvalidRequestError, match="holds no weights"):
        check_weights(models, needed=True)


def test_an_adapter_of_the_language_model_is_taken(tmp_path: Path) -> None:
    check_weights(read_models(_adapter(tmp_path, LANGUAGE), CATALOGUE), needed=False)


@pytest.mark.parametrize("modules", [(VISION,), (VISION, LANGUAGE)])
def test_an_adapter_that_changes_the_vision_tower_is_refused(modules: tuple[str, ...], tmp_path: Path) -> None:
    models = read_models(_adapter(tmp_path, *modules), CATALOGUE)
    with pytest.raises(InvalidRequestError, match="'limbs' changes the vision tower"):
        check_weights(models, needed=False)


@pytest.mark.parametrize("config", [{"use_dora": True}, {"bias": "all"}, {"modules_to_save": ["lm_head"]}])
def test_what_servers_do_not_apply_is_refused(config: dict[str, object], tmp_path: Path) -> None:
    models = read_models(_adapter(tmp_path, LANGUAGE, **config), CATALOGUE)
    with pytest.raises(InvalidRequestError, match=f"uses {next(iter(config))}"):
        check_weights(models, needed=False)


@pytest.mark.req("weights-match-their-card")
def test_other_weights_than_the_cards_are_refused(tmp_path: Path) -> None:
    models = read_models(_adapter(tmp_path, LANGUAGE), CATALOGUE)
    samples.write_tensors(tmp_path / "limbs" / "adapter_model.safetensors", [LANGUAGE, LANGUAGE + "2"])
    with pytest.raises(InvalidRequestError, match="have the digest"):
        check_weights(models, needed=False)


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return read_models(samples.site(tmp_path, samples.adapter_card("limbs", ("clonic",))), CATALOGUE)


def test_models_that_answer_their_canaries_are_taken(models: Models) -> None:
    check_canaries(models, Spoken(base=0.81, limbs=0.29))


@pytest.mark.parametrize(
    ("base", "limbs", "complaint"),
    [
        (0.8, 0.8, "'limbs' does nothing: its canary gives 0.8000 with it and 0.8000 without"),
        (0.8, 0.79, "'limbs' does nothing"),
        (0.8, 0.5, "'limbs' answers its canary with 0.5000; its card says 0.3000"),
        (0.6, 0.3, "'base' answers its canary with 0.6000"),
        (0.8, LabelScore(0.3, 0.1), "gives yes and no 0.100 of its canary"),
    ],
)
def test_a_canary_that_fails_refuses_the_model(
    models: Models, base: float, limbs: float | LabelScore, complaint: str
) -> None:
    with pytest.raises(InvalidRequestError, match=complaint):
        check_canaries(models, Spoken(base=base, limbs=limbs))


def test_an_adapter_made_with_another_base_is_refused_by_the_bases_answer(models: Models) -> None:
    other = replace(models.adapters[0].card, canary=Canary("canary.mp4", "Is it bright?", yes=0.3, base_yes=0.6))
    changed = Models(models.base, (Model(other, models.adapters[0].folder),))
    with pytest.raises(InvalidRequestError, match="made with another base"):
        check_canaries(changed, Spoken(base=0.8, limbs=0.3))


def test_a_canary_without_its_clip_is_refused(models: Models) -> None:
    (models.base.folder / "canary.mp4").unlink()
    with pytest.raises(InvalidRequestError, match="lies not beside the card of 'base'"):
        check_canaries(models, Spoken(base=0.8, limbs=0.3))


def test_sizes_come_from_the_card_then_the_base_then_the_catalogue() -> None:
    base = samples.card(sizes=(PinnedSize(ViewKind.FULL_FRAME, 112, 84), PinnedSize(ViewKind.HANDS, 56, 56)))
    limbs = samples.adapter_card("limbs", ("clonic",), sizes=(PinnedSize(ViewKind.HANDS, 28, 28),))
    assert size_of(limbs, base, ViewKind.HANDS, CATALOGUE) == (28, 28)
    assert size_of(limbs, base, ViewKind.FULL_FRAME, CATALOGUE) == (112, 84)
    assert size_of(limbs, base, ViewKind.FACE_CROP, CATALOGUE) == (224, 224)
    with pytest.raises(InvalidRequestError, match="No pixel size is pinned for the view 'transcript'"):
        size_of(limbs, base, ViewKind.TRANSCRIPT, CATALOGUE)
