"""Rules of the shape, one by one."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from schemas.case import Subject
from schemas.catalogue import load_catalogue
from schemas.errors import InvalidRequestError, ObjectMissingError
from schemas.recording import AnchorSource, ClockAnchor, Interval, Tri
from schemas.report import LocalizationAid, ReportStatus
from schemas.semiology import FindingStatus, OnsetOrder, Reason, Side, SideRefersTo

BASE = "https://ictogram.example.org/fhir"


def component(resource: dict[str, Any], code: str) -> dict[str, Any]:
    found = [part for part in resource["component"] if part["code"]["coding"][0]["code"] == code]
    assert len(found) == 1, code
    return found[0]


def has(resource: dict[str, Any], code: str) -> bool:
    return any(part["code"]["coding"][0]["code"] == code for part in resource.get("component", ()))


def resolve(bundle: dict[str, Any], reference: dict[str, Any]) -> dict[str, Any]:
    found = [one for one in bundle["entry"] if one["request"]["url"] == reference["reference"]]
    assert len(found) == 1
    resource: dict[str, Any] = found[0]["resource"]
    return resource


def occurrences(bundle: dict[str, Any], pick: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pick(bundle, "Observation", "sign-event")
    return found


def test_finding_has_its_occurrences_as_members(built: dict[str, Any], pick: Any) -> None:
    bundle = built
    [clonic] = pick(bundle, "Observation", "clonic")
    assert clonic["valueCodeableConcept"]["coding"] == [
        {"system": f"{BASE}/CodeSystem/finding-status", "code": "present", "display": "Present"},
        {"system": "http://loinc.org", "code": "LA9633-4", "display": "Present"},
    ]
    members = [resolve(bundle, reference) for reference in clonic["hasMember"]]
    assert [one["code"]["coding"][0]["code"] for one in members] == ["sign-event", "sign-event"]
    assert [one["valueCodeableConcept"]["coding"][0]["code"] for one in members] == ["clonic", "clonic"]


def test_our_code_comes_first_and_hed_only_where_equal(built: dict[str, Any], pick: Any) -> None:
    bundle = built
    [clonic] = pick(bundle, "Observation", "clonic")
    assert [coding["code"] for coding in clonic["code"]["coding"]] == ["clonic", "HED_0042282"]
    [cough] = pick(bundle, "Observation", "cough")
    assert [coding["code"] for coding in cough["code"]["coding"]] == ["cough"], "HED's cough is a wider group"
    assert "HP:" not in json.dumps(bundle), "seizure types are never asserted from one sign"


def test_occurrence_times_are_seconds_from_the_first_frame(built: dict[str, Any], pick: Any) -> None:
    first = occurrences(built, pick)[0]
    assert component(first, "onset-offset-from-start")["valueQuantity"] == {
        "value": 12.4, "unit": "s", "system": "http://unitsofmeasure.org", "code": "s",
    }  # fmt: skip
    assert component(first, "onset-uncertainty")["valueQuantity"]["value"] == 0.5
    assert component(first, "end-offset-from-start")["valueQuantity"]["value"] == 47.8
    [segment] = first["derivedFrom"]
    assert segment["extension"][0]["url"] == f"{BASE}/StructureDefinition/video-segment"
    assert segment["extension"][0]["valueRange"]["low"]["value"] == 12.4
    assert segment["extension"][0]["valueRange"]["high"]["value"] == 47.8


def test_wall_clock_follows_the_anchor_on_the_source_clock(sample: Any, pick: Any) -> None:
    bundle = replace(sample, site=replace(sample.site, time_zone="UTC")).bundle()
    first = occurrences(bundle, pick)[0]
    # the anchor stands at the first frame: 06:13:05.200 UTC + 12.4 s
    assert first["effectivePeriod"] == {
        "start": "2026-10-14T06:13:17.600+00:00", "end": "2026-10-14T06:13:53.000+00:00",
    }  # fmt: skip
    [video] = pick(bundle, "DocumentReference")
    assert video["extension"] == [
        {"url": f"{BASE}/StructureDefinition/recording-clock", "valueCode": "container-metadata"}
    ]


def anchored(sample: Any, *anchors: ClockAnchor, **facts: Any) -> Any:
    reported = sample.report.recordings[0]
    changed = replace(reported, facts=replace(reported.facts, anchors=anchors, **facts))
    return sample.with_report(recordings=(changed,))


NEAR = "2026-10-14T06:13:05+00:00"


@pytest.mark.parametrize(("anchors", "facts"), [
    ((), {}),
    ((ClockAnchor(0, NEAR, "", AnchorSource.CONTAINER, 3_600_000.0),), {}),
    ((ClockAnchor(0, "2026-10-14T06:13:05", "", AnchorSource.CONTAINER, 1000.0),), {}),
    ((ClockAnchor(0, NEAR, "", AnchorSource.CONTAINER, 1000.0),), {"slow_motion": Tri.YES}),
    ((ClockAnchor(0, NEAR, "", AnchorSource.CONTAINER, 1000.0),), {"edited": Tri.YES}),
])  # fmt: skip
def test_without_a_trusted_clock_no_wall_clock_time_is_told(
    sample: Any, pick: Any, anchors: tuple[ClockAnchor, ...], facts: dict[str, Any]
) -> None:
    bundle = anchored(sample, *anchors, **facts).bundle()
    unknown = {
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"},
        ]
    }
    for resource in [*pick(bundle, "Observation"), *pick(bundle, "DiagnosticReport")]:
        assert resource["effectivePeriod"] == unknown
    [video] = pick(bundle, "DocumentReference")
    assert "period" not in video["context"]
    assert video["extension"][0]["valueCode"] == "none"
    assert component(occurrences(bundle, pick)[0], "onset-offset-from-start")["valueQuantity"]["value"] == 12.4


def test_the_best_clock_wins(sample: Any, pick: Any) -> None:
    rough = ClockAnchor(0, "2026-10-14T01:00:00+00:00", "", AnchorSource.CONTAINER, 0.0)
    eeg = ClockAnchor(200_000, "2026-10-14T02:00:00+00:00", "", AnchorSource.EEG, 40.0)
    bundle = anchored(sample, rough, eeg).bundle()
    [video] = pick(bundle, "DocumentReference")
    assert video["extension"][0]["valueCode"] == "eeg"
    assert video["context"]["period"]["start"] == "2026-10-14T02:00:00.000+00:00"


def test_a_confirmed_side_is_told(built: dict[str, Any], pick: Any) -> None:
    first = occurrences(built, pick)[0]
    assert component(first, "side")["valueCodeableConcept"]["coding"][0]["code"] == "right"
    assert component(first, "side-refers-to")["valueCodeableConcept"]["coding"][0]["code"] == "moving-limb"
    assert first["bodySite"]["text"] == "Right upper limb"


@pytest.mark.req("side-not-released-before-confirmation")
def test_an_unconfirmed_side_is_not_released(built: dict[str, Any], pick: Any) -> None:
    bundle = built
    clonic, turned = occurrences(bundle, pick)[1:]
    for one in (clonic, turned):
        side = component(one, "side")
        assert "valueCodeableConcept" not in side
        assert side["dataAbsentReason"]["coding"][0]["code"] == "temp-unknown"
        assert "no reviewer has confirmed" in side["dataAbsentReason"]["text"]
        assert "left" not in json.dumps({key: one[key] for key in ("text", "bodySite", "component")}).lower()


def test_what_the_recording_cut_off_is_a_bound(built: dict[str, Any], pick: Any) -> None:
    bundle = built
    second = occurrences(bundle, pick)[1]
    assert component(second, "end-offset-from-start")["valueQuantity"]["comparator"] == ">="
    assert "comparator" not in component(second, "onset-offset-from-start")["valueQuantity"]
    [episode] = pick(bundle, "Observation", "episode")
    assert component(episode, "end-offset-from-start")["valueQuantity"]["comparator"] == ">="
    assert component(episode, "end-captured")["valueCodeableConcept"]["coding"][0]["code"] == "not-captured"


def test_a_score_is_called_a_probability_only_when_calibrated(sample: Any, pick: Any) -> None:
    [clonic] = pick(sample.bundle(), "Observation", "clonic")
    assert component(clonic, "score")["valueQuantity"]["value"] == 0.93
    assert "probability" not in json.dumps(clonic).replace("(no probability)", "")
    [clonic] = pick(sample.with_finding(calibrated=True).bundle(), "Observation", "clonic")
    assert component(clonic, "probability")["valueQuantity"]["value"] == 0.93
    assert not has(clonic, "score")


@pytest.mark.parametrize(("sign", "absent", "word", "reason"), [
    ("oral_automatisms", "unknown", "Not assessable: The face is 31 px wide", "face-too-small"),
    ("cough", "unsupported", "Not assessable: No engine answers", "no-engine"),
    ("verbal_responsiveness", "not-performed", "Not tested: No question heard", "no-question-heard"),
])  # fmt: skip
def test_what_was_not_judged_says_why(
    built: dict[str, Any], pick: Any, sign: str, absent: str, word: str, reason: str
) -> None:
    [finding] = pick(built, "Observation", sign)
    assert [one["code"] for one in finding["dataAbsentReason"]["coding"]] == [absent]
    assert finding["dataAbsentReason"]["text"].startswith(word)
    code = "not-tested-reason" if word.startswith("Not tested") else "not-assessable-reason"
    assert component(finding, code)["valueCodeableConcept"]["coding"][0]["code"] == reason
    assert not [key for key in finding if key.startswith("value")]
    assert component(finding, "assessable-time")["valueQuantity"]["value"] == 0


def test_nothing_is_ever_absent_or_normal(built: dict[str, Any], pick: Any) -> None:
    bundle = built
    [tonic] = pick(bundle, "Observation", "tonic")
    assert [one["code"] for one in tonic["valueCodeableConcept"]["coding"]] == ["not-seen"]
    text = json.dumps(bundle)
    for word in ("LA9634-2", "valueBoolean", "interpretation", '"absent"', "ormal"):
        assert word not in text


def test_every_finding_is_in_the_episode_and_in_the_report(sample: Any, pick: Any) -> None:
    bundle = sample.bundle()
    [episode] = pick(bundle, "Observation", "episode")
    [report] = pick(bundle, "DiagnosticReport")
    signs = [one.sign for one in sample.report.episodes[0].findings]
    assert [resolve(bundle, one)["code"]["coding"][0]["code"] for one in episode["hasMember"]] == signs
    told = [resolve(bundle, one)["code"]["coding"][0]["code"] for one in report["result"]]
    assert told == ["coverage", "episode", *signs, "onset-order"]
    assert episode["valueCodeableConcept"]["coding"][0]["code"] == "candidate"
    assert component(episode, "state-before")["valueCodeableConcept"]["coding"][0]["code"] == "apparently-asleep"


def test_onset_order_claims_no_first_sign_where_onsets_overlap(built: dict[str, Any], pick: Any) -> None:
    [order] = pick(built, "Observation", "onset-order")
    assert "valueCodeableConcept" not in order
    assert order["dataAbsentReason"]["text"] == "The onsets of version and clonic movement overlap."
    ranges = [part.get("valueRange", part.get("valueInteger")) for part in order["component"]]
    assert ranges == [{"low": {"value": 1}, "high": {"value": 2}}] * 2 + [3]


def test_onset_order_names_a_first_sign(sample: Any, pick: Any) -> None:
    episode = sample.report.episodes[0]
    items = (replace(episode.order.items[1], rank_lo=1, rank_hi=1),)
    named = replace(episode, order=OnsetOrder(items=items, first_sign="clonic"))
    bundle = sample.with_report(episodes=(named,)).bundle()
    [order] = pick(bundle, "Observation", "onset-order")
    assert order["valueCodeableConcept"]["coding"][0]["code"] == "clonic"
    assert order["component"][0]["valueInteger"] == 1
    assert resolve(bundle, order["derivedFrom"][0])["code"]["coding"][0]["code"] == "sign-event"
    assert resolve(bundle, order["device"])["modelNumber"] == "onset-order"


def test_an_order_of_nothing_rests_on_the_recording(sample: Any, pick: Any) -> None:
    empty = replace(sample.report.episodes[0], findings=(), order=OnsetOrder(first_sign_reason="No sign was seen."))
    [order] = pick(sample.with_report(episodes=(empty,)).bundle(), "Observation", "onset-order")
    assert order["derivedFrom"][0]["reference"].startswith("DocumentReference/")
    assert "component" not in order


def test_coverage_is_told_also_without_an_episode(sample: Any, pick: Any) -> None:
    bundle = sample.with_report(episodes=()).bundle()
    [coverage] = pick(bundle, "Observation")
    assert coverage["valueQuantity"]["value"] == 53.2
    assert component(coverage, "recording-time")["valueQuantity"]["value"] == 59.2
    assert component(coverage, "episode-count")["valueInteger"] == 0
    assert component(coverage, "dark")["valueQuantity"]["value"] == 4.0
    assert "does not exclude a seizure" in coverage["note"][0]["text"]
    [report] = pick(bundle, "DiagnosticReport")
    assert [resolve(bundle, one) for one in report["result"]] == [coverage]


def test_localization_aid_only_when_there_is_one(sample: Any, pick: Any) -> None:
    refused = sample.bundle()
    assert not pick(refused, "Observation", "localization-aid")
    assert "No evidence table is installed." in pick(refused, "DiagnosticReport")[0]["text"]["div"]
    aid = LocalizationAid(notes=("Regions reported with these signs.", "Ask for the aura first."))
    bundle = sample.with_report(aid=aid).bundle()
    [found] = pick(bundle, "Observation", "localization-aid")
    assert [one["text"] for one in found["note"]] == list(aid.notes)
    assert found["dataAbsentReason"]["coding"][0]["code"] == "as-text"
    assert resolve(bundle, found["derivedFrom"][0])["code"]["coding"][0]["code"] == "onset-order"


def test_everything_an_engine_said_is_labelled_and_has_provenance(built: dict[str, Any], pick: Any) -> None:
    bundle = built
    stated = [*pick(bundle, "Observation"), *pick(bundle, "DiagnosticReport")]
    assert all(one["meta"]["security"][0]["code"] == "AIAST" for one in stated)
    assert all(one["status"] == "preliminary" for one in stated)
    [made] = pick(bundle, "Provenance")
    targets = [resolve(bundle, one) for one in made["target"]]
    assert sorted(one["id"] for one in targets) == sorted(one["id"] for one in stated)
    agents = [resolve(bundle, agent["who"])["modelNumber"] for agent in made["agent"]]
    assert agents == ["kinematic", "onset-order"]
    assert all("onBehalfOf" in agent for agent in made["agent"])
    assert [resolve(bundle, one["what"])["resourceType"] for one in made["entity"]] == ["DocumentReference"]


def test_what_a_person_marked_carries_no_machine_label(sample: Any, pick: Any) -> None:
    bundle = sample.with_finding(engine=None, occurrences=()).bundle()
    [clonic] = pick(bundle, "Observation", "clonic")
    assert "meta" not in clonic
    assert "device" not in clonic
    assert clonic["method"]["coding"][0]["code"] == "video-semiology-human"
    [made] = pick(bundle, "Provenance")
    assert f"Observation/{clonic['id']}" not in [one["reference"] for one in made["target"]]


def test_the_unsigned_report_says_so_and_holds_its_renderings(sample: Any, pick: Any) -> None:
    [report] = pick(sample.bundle(), "DiagnosticReport")
    assert "UNSIGNED" in report["text"]["div"]
    assert "review now" in report["text"]["div"]
    assert not {"resultsInterpreter", "conclusion", "issued"} & set(report)
    assert [form["contentType"] for form in report["presentedForm"]] == ["application/pdf", "text/html"]
    for form, data in zip(report["presentedForm"], (sample.presented.pdf, sample.presented.html), strict=True):
        assert base64.b64decode(form["data"]) == data
        assert form["size"] == len(data)
        assert base64.b64decode(form["hash"]) == hashlib.sha1(data).digest()
        assert form["extension"][0]["valueString"] == hashlib.sha256(data).hexdigest()


def test_the_video_is_referenced_with_its_checksum(sample: Any, pick: Any) -> None:
    [video] = pick(sample.bundle(), "DocumentReference")
    [content] = video["content"]
    attachment = content["attachment"]
    assert attachment["extension"][0]["valueString"] == hashlib.sha256(b"a video").hexdigest()
    assert attachment["url"].endswith(f"/cases/{sample.report.case_id}/recordings/r1/video")
    assert "data" not in attachment


def test_a_file_beyond_r4s_integers_has_no_size(sample: Any, pick: Any) -> None:
    reported = sample.report.recordings[0]
    file = reported.recording.files[0]
    large = replace(file, object=replace(file.object, size_bytes=8 * 2**30))
    recording = replace(reported.recording, files=(large, replace(large, start_s=30.0)))
    bundle = sample.with_report(recordings=(replace(reported, recording=recording),)).bundle()
    [video] = pick(bundle, "DocumentReference")
    assert [("size" in one["attachment"]) for one in video["content"]] == [False, False]
    assert video["content"][1]["attachment"]["title"] == "Original recording, continued at 30.000 s"


def test_references_name_patient_order_and_visit_by_identifier(sample: Any, pick: Any) -> None:
    [clonic] = pick(sample.bundle(), "Observation", "clonic")
    assert clonic["subject"]["identifier"]["value"] == "CANARY-MRN-000417"
    assert clonic["subject"]["type"] == "Patient"
    assert clonic["basedOn"][0]["identifier"]["value"] == "ORD-7781"
    assert clonic["encounter"]["identifier"]["value"] == "VN-5501"
    assert clonic["performer"][0]["type"] == "Organization"
    bare = pick(sample.with_report(order=None).bundle(), "Observation", "clonic")[0]
    assert not {"basedOn", "encounter"} & set(bare)


def test_a_site_can_name_its_organization(sample: Any, pick: Any) -> None:
    site = replace(sample.site, organization_reference="Organization/emu", organization_display="EMU")
    [clonic] = pick(replace(sample, site=site).bundle(), "Observation", "clonic")
    assert clonic["performer"] == [{"reference": "Organization/emu", "display": "EMU"}]


def test_narratives_are_escaped(sample: Any, pick: Any) -> None:
    aid = LocalizationAid(refusal="n < 5 & <script>x</script>")
    [report] = pick(sample.with_report(aid=aid).bundle(), "DiagnosticReport")
    assert "n &lt; 5 &amp; &lt;script&gt;" in report["text"]["div"]


@pytest.mark.parametrize(("change", "complaint"), [
    ({"status": ReportStatus.FINAL}, "a report that is final needs a signature"),
    ({"created_at": "2026-10-14T12:05:00"}, "has no offset"),
    ({"engines": ()}, "at least one recording and one engine"),
])  # fmt: skip
def test_a_report_that_contradicts_itself_is_refused(sample: Any, change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidRequestError, match=complaint):
        sample.with_report(**change).bundle()


def test_a_sign_outside_the_catalogue_is_refused(sample: Any) -> None:
    with pytest.raises(InvalidRequestError, match="sign 'hiccup' is not in catalogue"):
        sample.with_finding(sign="hiccup").bundle()


def test_an_episode_in_an_unknown_recording_is_refused(sample: Any) -> None:
    stray = replace(sample.report.episodes[0], recording_id="r7")
    with pytest.raises(InvalidRequestError, match="recording 'r7' is not in the report"):
        sample.with_report(episodes=(stray,)).bundle()


def test_renderings_of_another_version_are_refused(sample: Any) -> None:
    from gateway.fhir.bundle import Presented, transaction_bundle

    other = Presented(b"%PDF-1.4 other", sample.presented.html)
    with pytest.raises(ObjectMissingError, match="PDF does not match its checksum"):
        transaction_bundle(sample.report, sample.files, sample.intakes, other, sample.site)
    with pytest.raises(InvalidRequestError, match="0 intake results came with 1 recordings"):
        transaction_bundle(sample.report, sample.files, (), sample.presented, sample.site)


def test_an_unknown_time_zone_names_itself(sample: Any) -> None:
    site = replace(sample.site, time_zone="Mars/Olympus")
    with pytest.raises(InvalidRequestError, match="time zone 'Mars/Olympus' is not known here"):
        replace(sample, site=site).bundle()


@pytest.mark.parametrize("status", list(FindingStatus))
@pytest.mark.parametrize("reason", [Reason.NONE, Reason.DARK, Reason.TOUCHED_BY_STAFF])
def test_every_status_and_reason_passes_the_gate(sample: Any, pick: Any, status: FindingStatus, reason: Reason) -> None:
    bundle = sample.with_finding(status=status, reason=reason, score=None, occurrences=()).bundle()
    assert len(pick(bundle, "Observation", "clonic")) == 1


def test_an_instantaneous_occurrence_passes_the_gate(sample: Any, pick: Any) -> None:
    found = sample.report.episodes[0].findings[0].occurrences[0]
    point = replace(found, onset_s=Interval(20.0, 20.0), offset_s=Interval(20.0, 20.0))
    first = occurrences(sample.with_finding(occurrences=(point,)).bundle(), pick)[0]
    assert not has(first, "onset-uncertainty")
    assert first["effectivePeriod"]["start"] == first["effectivePeriod"]["end"]


def test_a_finding_for_every_sign_of_the_catalogue_passes_the_gate(sample: Any, pick: Any) -> None:
    found = sample.report.episodes[0].findings[0]
    every = tuple(
        replace(
            found,
            id=f"r1-e1-{sign.id}",
            sign=sign.id,
            occurrences=tuple(
                replace(
                    found.occurrences[0],
                    id=f"r1-e1-{sign.id}-{side.value}",
                    sign=sign.id,
                    side=side,
                    side_refers_to=sign.side_refers_to,
                    body_part=sign.body_part,
                    phase=sign.phases[0],
                )
                for side in Side
            ),
        )
        for sign in load_catalogue().signs
    )
    episode = replace(sample.report.episodes[0], findings=every, order=None)
    bundle = sample.with_report(episodes=(episode,)).bundle()
    assert len(pick(bundle, "Observation", "sign-event")) == len(every) * len(Side)
    unsided = {sign.id for sign in load_catalogue().signs if sign.side_refers_to is SideRefersTo.NONE}
    for one in occurrences(bundle, pick):
        assert has(one, "side") != (one["valueCodeableConcept"]["coding"][0]["code"] in unsided)


def test_a_patient_without_identifier_is_named_as_such(sample: Any, pick: Any) -> None:
    [clonic] = pick(sample.with_report(subject=Subject("")).bundle(), "Observation", "clonic")
    assert clonic["subject"] == {"type": "Patient", "display": "Patient not identified"}
