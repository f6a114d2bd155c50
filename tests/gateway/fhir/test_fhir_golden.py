"""The whole bundle against a stored one. After a wanted change: UPDATE_GOLDEN=1 pytest tests/gateway/fhir, then read
the difference."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.case import OrderRef, Subject
from schemas.report import ReportStatus, SignOff

GOLDEN = Path(__file__).parent / "golden"
SIGN_OFF = SignOff("neuro-1", "Dr. Ada Example", "2026-10-14T13:41:30+00:00", "Focal clonic movement of the right arm.")


def compare(name: str, bundle: dict[str, Any]) -> None:
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(json.dumps(bundle, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert bundle == json.loads(path.read_text(encoding="utf-8"))


def test_preliminary_report(sample: Any) -> None:
    compare("report-preliminary", sample.bundle())


def test_recording_without_clock_and_without_episode(without_clock: Any) -> None:
    compare("report-no-episode", without_clock.with_report(episodes=(), order=None, flags=()).bundle())


def test_signed_report(sample: Any) -> None:
    compare("report-signed", sample.with_report(status=ReportStatus.FINAL, version=2, sign_off=SIGN_OFF).bundle())


def test_same_report_gives_the_same_bundle(sample: Any) -> None:
    assert json.dumps(sample.bundle()) == json.dumps(sample.bundle())


def identities(bundle: dict[str, Any], *kinds: str) -> list[str]:
    found = [entry["request"]["url"] for entry in bundle["entry"]]
    return [url for url in found if url.partition("/")[0] in kinds]


def test_a_later_version_updates_the_same_resources(sample: Any) -> None:
    first = sample.bundle()
    second = sample.with_report(version=2, created_at="2026-10-15T12:05:00+00:00").bundle()
    updated = ("Device", "DocumentReference", "Observation", "DiagnosticReport")
    assert identities(first, *updated) == identities(second, *updated)
    assert identities(first, "Provenance") != identities(second, "Provenance"), "each version has an author's record"
    assert first["id"] != second["id"]


def test_two_installations_never_share_an_id(sample: Any) -> None:
    other = replace(sample, site=replace(sample.site, canonical="https://other.example.org/fhir"))
    first, second = ({entry["resource"]["id"] for entry in one.bundle()["entry"]} for one in (sample, other))
    assert not first & second


@pytest.mark.parametrize("address", ["id", "fullUrl", "request"])
def test_the_patient_is_in_no_identity(sample: Any, address: str) -> None:
    bundle = sample.bundle()
    told = [str(entry.get(address, entry["resource"].get(address))) for entry in bundle["entry"]]
    stranger = sample.with_report(subject=Subject("OTHER"), order=OrderRef("ORD-9", "urn:x", "VN-9")).bundle()
    assert told == [str(entry.get(address, entry["resource"].get(address))) for entry in stranger["entry"]]
    for text in told:
        for secret in ("CANARY", "Synthia", "1991", "ORD-7781", "VN-5501"):
            assert secret not in text


def test_name_and_number_stand_in_the_subject_only(sample: Any) -> None:
    bundle = sample.bundle()
    for entry in bundle["entry"]:
        entry["resource"].pop("subject", None)
    assert "CANARY" not in json.dumps(bundle)
    hidden = json.dumps(replace(sample, site=replace(sample.site, patient_name=False)).bundle())
    assert "Canaryname" not in hidden
    assert "CANARY-MRN-000417" in hidden
