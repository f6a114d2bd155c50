"""Each rule of the gate, broken once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.fhir import gate
from schemas.errors import InvalidRequestError, by_code

Json = dict[str, Any]


def of(bundle: Json, kind: str, code: str = "") -> Json:
    for entry in bundle["entry"]:
        resource: Json = entry["resource"]
        if resource["resourceType"] == kind and (not code or resource["code"]["coding"][0]["code"] == code):
            return resource
    raise AssertionError(kind)


def clonic(bundle: Json) -> Json:
    return of(bundle, "Observation", "clonic")


BREAKS: list[tuple[str, str, Callable[[Json], object]]] = [
    ("obs-6", "", lambda b: clonic(b).update(dataAbsentReason={"text": "x"})),
    ("obs-6", "component[0]", lambda b: clonic(b)["component"][0].update(dataAbsentReason={"text": "x"})),
    ("obs-7", "component[0]", lambda b: clonic(b)["component"][0].update(code=clonic(b)["code"])),
    ("us-core-3", "component[0]", lambda b: clonic(b)["component"][0].pop("valueQuantity")),
    ("us-core-2", "", lambda b: [clonic(b).pop(key) for key in ("valueCodeableConcept", "component", "hasMember")]),
    ("choice-value", "valueString", lambda b: clonic(b).update(valueString="x")),
    ("choice-effective", "effectivePeriod", lambda b: clonic(b).update(effectiveDateTime="2026-10-14")),
    ("house-no-interpretation", "interpretation", lambda b: clonic(b).update(interpretation=[{"text": "A"}])),
    ("house-no-valueBoolean", "valueBoolean",
     lambda b: clonic(b)["component"].append({"code": {"text": "x"}, "valueBoolean": True})),
    ("house-no-contained", "contained", lambda b: clonic(b).update(contained=[{"resourceType": "Device"}])),
    ("binding", "status", lambda b: clonic(b).update(status="partial")),
    ("binding", "status", lambda b: of(b, "Device").update(status="on")),
    ("binding", "deviceName[0].type", lambda b: of(b, "Device")["deviceName"][0].update(type="nickname")),
    ("binding", "comparator", lambda b: clonic(b)["component"][0]["valueQuantity"].update(comparator="~")),
    ("id", "id", lambda b: (clonic(b).update(id="x" * 65), address(b))),
    ("ele-1", "hasMember", lambda b: clonic(b).update(hasMember=[])),
    ("ele-1", "note[0].text", lambda b: clonic(b).update(note=[{"text": "  "}])),
    ("ele-1", "bodySite", lambda b: clonic(b).update(bodySite={})),
    ("ele-1", "code.text", lambda b: clonic(b)["code"].update(text=None)),
    ("target", "performer[0]", lambda b: clonic(b).update(performer=[clonic(b)["device"]])),
    ("target", "subject", lambda b: clonic(b).update(subject=clonic(b)["device"])),
    ("target", "result[0]", lambda b: of(b, "DiagnosticReport").update(result=[clonic(b)["device"]])),
    ("target", "subject", lambda b: clonic(b)["subject"].pop("type")),
    ("decimal", "value", lambda b: clonic(b)["component"][0]["valueQuantity"].update(value=float("nan"))),
    ("ref-1", "basedOn[0]", lambda b: clonic(b)["basedOn"][0].pop("identifier")),
    ("bdl-resolve", "hasMember[0]", lambda b: clonic(b)["hasMember"][0].update(reference="Observation/gone")),
    ("house-relative", "hasMember[0]", lambda b: clonic(b)["hasMember"][0].update(reference="#one")),
    ("house-relative", "hasMember[0]",
     lambda b: clonic(b)["hasMember"][0].update(reference="https://elsewhere.org/fhir/Observation/1")),
    ("house-references", "focus[0]", lambda b: clonic(b).update(focus=[clonic(b)["device"]])),
    ("per-1", "effectivePeriod", lambda b: clonic(b)["effectivePeriod"].update(end="2020-01-01T00:00:00+00:00")),
    ("rng-2", "valueRange", lambda b: segment(b).update(low={"value": 99.0}, high={"value": 1.0})),
    ("qty-3", "valueQuantity", lambda b: clonic(b)["component"][0]["valueQuantity"].pop("system")),
    ("att-1", "presentedForm[0]", lambda b: of(b, "DiagnosticReport")["presentedForm"][0].pop("contentType")),
    ("unsignedInt", "size", lambda b: of(b, "DiagnosticReport")["presentedForm"][0].update(size=2**31)),
    ("ext-1", "extension[0]", lambda b: of(b, "Device")["extension"][0].update(valueString="x")),
    ("bdl-3", "entry[0]", lambda b: b["entry"][0].pop("request")),
    ("bdl-7", "fullUrl", lambda b: b["entry"].append(copy.deepcopy(b["entry"][0]))),
    ("bdl-8", "fullUrl", lambda b: b["entry"][0].update(fullUrl="urn:uuid:0")),
    ("house-put", "request", lambda b: b["entry"][0]["request"].update(method="POST")),
    ("house-transaction", "Bundle", lambda b: b.update(type="batch")),
    ("house-resources", "resource", lambda b: b["entry"].append(patient())),
    ("model", "colour", lambda b: clonic(b).update(colour="red")),
    ("model", "code", lambda b: of(b, "DiagnosticReport").pop("code")),
]  # fmt: skip


def segment(bundle: Json) -> Json:
    found: Json = of(bundle, "Observation", "sign-event")["derivedFrom"][0]["extension"][0]["valueRange"]
    return found


def address(bundle: Json) -> None:
    """Make request and fullUrl follow the ids."""
    for entry in bundle["entry"]:
        url = f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        entry["request"]["url"] = url
        entry["fullUrl"] = f"https://ictogram.example.org/fhir/{url}"


def patient() -> Json:
    url = "Patient/p1"
    return {
        "fullUrl": f"https://ictogram.example.org/fhir/{url}",
        "request": {"method": "PUT", "url": url},
        "resource": {"resourceType": "Patient", "id": "p1"},
    }


@pytest.mark.parametrize(
    ("rule", "path", "break_it"), BREAKS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_broken_rule_is_named_with_its_path_and_no_content(
    built: Json, rule: str, path: str, break_it: Callable[[Json], object]
) -> None:
    bundle = copy.deepcopy(built)
    break_it(bundle)
    with pytest.raises(gate.InvalidResourceError) as caught:
        gate.check(bundle)
    assert caught.value.rule == rule
    assert caught.value.path.endswith(path)
    assert rule in caught.value.message
    assert "CANARY" not in f"{caught.value.message}{caught.value.details}{caught.value!r}"


def test_the_models_complaint_hides_the_value(built: Json) -> None:
    bundle = copy.deepcopy(built)
    clonic(bundle)["subject"]["identifier"]["value"] = {"secret": "CANARY"}
    with pytest.raises(gate.InvalidResourceError) as caught:
        gate.check(bundle)
    assert caught.value.rule == "model"
    assert "CANARY" not in caught.value.message
    assert caught.value.__cause__ is None


def test_a_reference_to_what_the_receiver_holds_is_let_through(built: Json) -> None:
    bundle = copy.deepcopy(built)
    clonic(bundle)["performer"] = [{"reference": "Organization/emu"}]
    with pytest.raises(gate.InvalidResourceError, match="neither in the Bundle nor with the receiver"):
        gate.check(bundle)
    gate.check(bundle, held_by_receiver=frozenset({"Organization/emu"}))


def test_an_order_of_unknown_occurrences_never_leaves(sample: Any) -> None:
    episode = sample.report.episodes[0]
    stripped = replace(episode, findings=(replace(episode.findings[0], occurrences=()), *episode.findings[1:]))
    with pytest.raises(gate.InvalidResourceError, match="bdl-resolve"):
        sample.with_report(episodes=(stripped,)).bundle()


def test_the_complaint_is_an_invalid_request() -> None:
    assert issubclass(gate.InvalidResourceError, InvalidRequestError)
    assert by_code(gate.InvalidResourceError.code) is InvalidRequestError
