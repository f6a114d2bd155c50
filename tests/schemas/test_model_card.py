"""Model cards: what may stand on one, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from research.tiny_vlm import CHECKPOINT
from schemas import write_schemas
from schemas.errors import InvalidRequestError
from schemas.model_card import CARD_FILE, Canary, ModelCard, ModelRole, parse_card
from services.runtime.convert import to_json

VALIDATOR = jsonschema.Draft202012Validator(json.loads(write_schemas.text("model_card.schema.json")))
ADAPTER = ModelCard(
    name="limbs", version="1", role=ModelRole.ADAPTER, digest="a" * 64, training="random weights", license="Apache-2.0",
    base="b" * 64, signs=("clonic",), canary=Canary("canary.mp4", "Does it move?", yes=0.9, base_yes=0.4),
)  # fmt: skip


def told(**changes: Any) -> str:
    return json.dumps({**json.loads(to_json(ADAPTER)), **changes})


def test_a_card_survives_json_and_fits_the_published_schema() -> None:
    assert parse_card(to_json(ADAPTER).decode(), "limbs/card.json") == ADAPTER
    assert not list(VALIDATOR.iter_errors(json.loads(to_json(ADAPTER))))
    assert ADAPTER.served_name == "limbs-aaaaaaaa"


@pytest.mark.parametrize("folder", ["base", "limbs", "body"])
def test_the_cards_that_come_along_fit_the_published_schema(folder: str) -> None:
    text = (CHECKPOINT / folder / CARD_FILE).read_text(encoding="utf-8")
    assert not list(VALIDATOR.iter_errors(json.loads(text)))
    assert "phantom" in parse_card(text, folder).training


def test_defaults_may_be_left_out() -> None:
    text = json.dumps(
        {"name": "p", "version": "1", "role": "pose", "digest": "c" * 64, "training": "t", "license": "l"}
    )
    assert not list(VALIDATOR.iter_errors(json.loads(text)))
    assert parse_card(text, "p").least_answer_mass == 0.5


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"role": "oracle"}, "role"),
        ({"digest": None}, "digest"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"schema_version": "9.0"}, "'9.0'"),
        ({"canary": None}, "needs a canary"),
        ({"base": ""}, "names the digest of its base"),
        ({"canary": {"clip": "c.mp4", "question": "?", "yes": 0.9}}, "what its base answers"),
        ({"canary": {"clip": "c.mp4", "question": "?", "yes": 0.9, "base_yes": 0.89}}, "must differ by more than"),
        ({"metrics": [{"sign": "clonic"}]}, "metrics"),
    ],
)
def test_a_card_that_breaks_a_rule_names_it(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parse_card(told(**changes), "limbs/card.json")
    assert "limbs/card.json" in refused.value.message
    assert sentence in refused.value.message


def test_a_base_needs_a_canary_and_a_pose_network_does_not() -> None:
    with pytest.raises(InvalidRequestError, match="vlm needs a canary"):
        parse_card(to_json(replace(ADAPTER, role=ModelRole.VLM, canary=None)).decode(), "base/card.json")
    parse_card(to_json(replace(ADAPTER, role=ModelRole.POSE, canary=None)).decode(), "pose/card.json")
