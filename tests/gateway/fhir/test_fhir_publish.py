"""The published code systems, extensions and maps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gateway.fhir import coding, publish
from schemas.catalogue import load_catalogue
from schemas.segmentation import BodyPart
from schemas.semiology import EpisodeState, FindingStatus, Phase, Reason, Side, SideRefersTo, StateBefore

FOLDER = Path(__file__).parents[3] / "schemas" / "fhir"
PUBLISHED = publish.resources(load_catalogue())


def test_files_and_code_are_in_step() -> None:
    """After a wanted change: schemas/fhir/generate.sh."""
    stored = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*-*.json")}
    assert stored == {name: publish.render(resource) for name, resource in PUBLISHED.items()}


def test_writing_removes_what_is_no_longer_published(tmp_path: Path) -> None:
    (tmp_path / "CodeSystem-gone.json").write_text("{}")
    publish.main(str(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_is_a_valid_resource(name: str) -> None:
    kind = PUBLISHED[name]["resourceType"]
    model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    assert model.model_validate(PUBLISHED[name]).id == PUBLISHED[name]["id"]


@pytest.mark.parametrize(("table", "kind", "without"), [
    (coding.STATUSES, FindingStatus, set()),
    (coding.SIDES, Side, set()),
    (coding.SIDE_MEANINGS, SideRefersTo, {SideRefersTo.NONE}),
    (coding.PHASES, Phase, {Phase.UNKNOWN}),
    (coding.EPISODE_STATES, EpisodeState, set()),
    (coding.STATES_BEFORE, StateBefore, set()),
    (coding.BODY_REGIONS, BodyPart, {BodyPart.UNSPECIFIED}),
    (coding.REASONS, Reason, {Reason.NONE}),
])  # fmt: skip
def test_every_member_of_the_vocabulary_has_a_code(table: dict[Any, Any], kind: Any, without: set[Any]) -> None:
    assert set(table) == set(kind) - without


def codings(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "system" in node and "code" in node and "value" not in node:
            yield node
        for value in node.values():
            yield from codings(value)
    elif isinstance(node, list):
        for value in node:
            yield from codings(value)


def test_every_local_code_of_a_bundle_is_published_with_its_display(built: dict[str, Any]) -> None:
    known = {
        (resource["url"], concept["code"]): concept["display"]
        for resource in PUBLISHED.values()
        if resource["resourceType"] == "CodeSystem"
        for concept in resource["concept"]
    }
    used = [one for one in codings(built) if one["system"].startswith(coding.VOCABULARY)]
    assert len(used) > 100
    for one in used:
        assert known[one["system"], one["code"]] == one["display"]


def test_every_extension_of_ours_in_a_bundle_is_published(built: dict[str, Any]) -> None:
    text = json.dumps(built)
    published = {
        resource["url"] for resource in PUBLISHED.values() if resource["resourceType"] == "StructureDefinition"
    }
    prefix = f"{coding.VOCABULARY}/StructureDefinition/"
    used = {prefix + part.partition('"')[0] for part in text.split(prefix)[1:]}
    assert used == published


def test_maps_hold_the_catalogues_codes() -> None:
    hed = PUBLISHED["ConceptMap-sign-to-hed-score.json"]["group"][0]
    hpo = PUBLISHED["ConceptMap-sign-to-hpo.json"]["group"][0]
    targets = {one["code"]: one["target"] for one in hed["element"]}
    assert [(one["code"], one["equivalence"]) for one in targets["clonic"]] == [("HED_0042282", "equivalent")]
    assert {one["equivalence"] for one in targets["figure4"]} == {"narrower"}
    assert "equivalent" not in {one["equivalence"] for element in hpo["element"] for one in element["target"]}
