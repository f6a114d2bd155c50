"""JSON, HTML and PDF: one model, the same bytes each time, readable without colour, UNSIGNED everywhere."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from PIL import Image
from pypdf import PdfReader

from schemas import semiology, write_schemas
from schemas.engine import EngineInfo
from schemas.errors import InvalidRequestError
from schemas.recording import Interval, Tri
from schemas.report import EvidenceStill, Report, SignOff
from schemas.semiology import Intervention
from services.report.job import ComposeJob, PageSize
from services.report.render.html import render_html
from services.report.render.pdf import render_pdf
from services.report.service import compose
from services.runtime.convert import from_json, to_json
from services.runtime.objects import ObjectStore
from tests.support import reports
from tests.support.videos import write_video

SCHEMA = json.loads((write_schemas.FOLDER / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 36), (90, 100, 110)).save(buffer, "JPEG")
    return buffer.getvalue()


def pages(pdf: bytes) -> list[str]:
    """Text of each page, with spaces of every kind alike."""
    return [re.sub(r"\s+", " ", page.extract_text()) for page in PdfReader(io.BytesIO(pdf)).pages]


@pytest.fixture(scope="module")
def report() -> Report:
    return reports.report()


@pytest.fixture(scope="module")
def pdf(report: Report) -> bytes:
    return render_pdf(report, {})


@pytest.fixture(scope="module")
def html(report: Report) -> str:
    return render_html(illustrated(report), {"r1-e1-clonic-1": picture()}).decode()


def illustrated(report: Report) -> Report:
    still = EvidenceStill("r1-e1-clonic-1", "r1", 99.8, reports.ref("evidence/r1-e1-clonic-1.jpg", "image/jpeg"))
    return replace(report, evidence=(still,))


def variants() -> Iterator[Report]:
    yield reports.report()
    yield reports.report((reports.reading("r1", Tri.UNKNOWN, 61.0, ()),))
    yield reports.report(None, reports.context(1.0))
    yield replace(
        reports.report(),
        tests=(semiology.Test("t1", "r1", "naming", Interval(150, 151), "What is this?", "no answer", "nurse"),),
        interventions=(Intervention("i1", "r1", "turned to side", Interval(160, 160), "nurse"),),
    )


@pytest.mark.parametrize("name", sorted(write_schemas.SCHEMAS))
def test_the_checked_in_schema_is_what_the_dataclasses_say(name: str) -> None:
    written = (write_schemas.FOLDER / name).read_text(encoding="utf-8")
    assert written == write_schemas.text(name)
    jsonschema.Draft202012Validator.check_schema(json.loads(written))


@pytest.mark.parametrize("number", range(4))
def test_reports_follow_the_schema_and_come_back_the_same(number: int) -> None:
    model = list(variants())[number]
    data = to_json(model)
    VALIDATOR.validate(json.loads(data))
    assert from_json(Report, data) == model


def test_the_schema_refuses_what_is_no_report(report: Report) -> None:
    def broken(change: object) -> bool:
        data = json.loads(to_json(report))
        change(data)  # type: ignore[operator]
        return not VALIDATOR.is_valid(data)

    assert broken(lambda data: data.pop("flags"))
    assert broken(lambda data: data["episodes"][0].update(onset_s=[1.0]))
    assert broken(lambda data: data["episodes"][0]["findings"][0].update(status="absent"))
    assert broken(lambda data: data["episodes"][0].update(onset_s={"lo": 1, "hi": 2}))


def test_report_json_has_the_promised_shape(report: Report) -> None:
    data = json.loads(to_json(report))
    episode = data["episodes"][0]
    assert {"id", "score", "onset_s", "offset_s", "onset_captured", "offset_captured", "findings", "order"} <= set(
        episode
    )
    assert episode["onset_s"] == [71.8, 72.4]
    found = next(one for one in episode["findings"] if one["sign"] == "clonic")
    assert {"status", "reason", "score", "calibrated", "assessable_s", "occurrences", "engine"} <= set(found)
    occurrence = found["occurrences"][0]
    assert {"onset_s", "offset_s", "side", "side_refers_to", "phase", "score"} <= set(occurrence)
    assert [recording["recording"]["id"] for recording in data["recordings"]] == ["r1", "r2"]


@pytest.mark.req("unsigned-is-marked-on-every-page")
@pytest.mark.parametrize("number", range(4))
def test_every_page_is_marked_unsigned_and_numbered(number: int) -> None:
    model = list(variants())[number]
    texts = pages(render_pdf(model, {}))
    for page, text in enumerate(texts, start=1):
        assert text.count("UNSIGNED") >= 2
        assert f"report {model.id} / version 1 / page {page} of {len(texts)}" in text
        assert "SYN-000417" in text


def test_a_signed_report_carries_the_signature_and_no_mark(report: Report) -> None:
    signed = replace(
        report, sign_off=SignOff("u7", "Dr. A. Signer", "2026-10-14T10:00:00-04:00", "Focal motor seizure.")
    )
    text = " ".join(pages(render_pdf(signed, {})))
    assert "UNSIGNED" not in text
    assert "Dr. A. Signer" in text
    assert "Focal motor seizure." in text
    assert "UNSIGNED" not in render_html(signed, {}).decode().split("</style>")[1]


@pytest.mark.req("coverage-stands-above-findings")
def test_the_pdf_says_everything_that_the_model_says(report: Report, pdf: bytes) -> None:
    whole = " ".join(pages(pdf)).replace(" ", "")
    sentences = [one.text for one in (*report.description, *report.not_captured)]
    for text in (*sentences, *report.limits, *(flag.text for flag in report.flags), report.aid.refusal):
        assert text.replace(" ", "") in whole, text
    for engine in report.engines:
        assert engine.name in whole


def test_page_one_puts_coverage_above_findings(pdf: bytes) -> None:
    first = pages(pdf)[0]
    places = [
        first.index(text)
        for text in (
            "Example, Synthia", "not yet read by a clinician", "Review now", "What was looked at", "7.0 s of 6 min",
            "Conclusion", "What was seen, in order", "Head turning",
        )
    ]  # fmt: skip
    assert places == sorted(places)


def test_without_an_episode_the_pdf_still_says_what_was_looked_at() -> None:
    text = " ".join(pages(render_pdf(reports.report((reports.reading("r1", Tri.NO, 61.0, ()),)), {})))
    assert "61 s were looked at" in text
    assert "Nothing seen does not exclude a seizure." in text


@pytest.mark.parametrize(("size", "width"), [(PageSize.A4, 595), (PageSize.LETTER, 612)])
def test_paper_sizes(report: Report, size: PageSize, width: int) -> None:
    assert round(float(PdfReader(io.BytesIO(render_pdf(report, {}, size))).pages[0].mediabox.width)) == width


@pytest.mark.req("a-wrong-name-never-looks-right")
def test_type_is_embedded_and_names_of_many_scripts_are_printed(report: Report) -> None:
    named = replace(report, subject=replace(report.subject, family="Łukasiewicz-Ненадович", given="Θεοδώρα & <b>"))
    data = render_pdf(named, {})
    fonts = [
        font.get_object() for page in PdfReader(io.BytesIO(data)).pages for font in page["/Resources"]["/Font"].values()
    ]
    assert all("/FontFile2" in font["/FontDescriptor"] for font in fonts if "SourceSansPro" in font["/BaseFont"])
    assert "Łukasiewicz-Ненадович, Θεοδώρα & <b>" in pages(data)[0]


def test_letters_that_cannot_be_printed_are_said(report: Report) -> None:
    named = replace(report, subject=replace(report.subject, family="山田"))
    text = pages(render_pdf(named, {}))[0]
    assert "??, Synthia" in text
    assert "Letters shown as ? cannot be printed here" in text


def test_the_same_report_gives_the_same_bytes(report: Report, pdf: bytes, html: str) -> None:
    assert render_pdf(report, {}) == pdf
    assert render_html(illustrated(report), {"r1-e1-clonic-1": picture()}).decode() == html
    assert to_json(report) == to_json(reports.report())


def test_another_process_writes_the_same_bytes(report: Report, pdf: bytes) -> None:
    program = (
        "import hashlib; from tests.support import reports; from services.runtime.convert import to_json; "
        "from services.report.render.pdf import render_pdf; from services.report.render.html import render_html; "
        "r = reports.report(); "
        "print(*(hashlib.sha256(d).hexdigest() for d in (to_json(r), render_html(r, {}), render_pdf(r, {}))))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "TZ": "Pacific/Auckland", "LC_ALL": "C"}
    written = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=120
    ).stdout.split()
    assert written == [hashlib.sha256(data).hexdigest() for data in (to_json(report), render_html(report, {}), pdf)]


class Reader(HTMLParser):
    """Collects what a page asks for from outside, its headings and its ids."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.tags: list[str] = []
        self.bare_images = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.fetched += [given[key] or "" for key in ("src", "href") if key in given]
        self.ids += [given["id"] or ""] if "id" in given else []
        self.labels += (given.get("aria-labelledby") or "").split()
        self.bare_images += tag == "img" and not given.get("alt")
        self.bare_images += tag == "svg" and not given.get("aria-label") and given.get("aria-hidden") != "true"


def test_the_page_stands_alone_and_can_be_read_aloud(html: str) -> None:
    reader = Reader()
    reader.feed(html)
    assert reader.fetched
    assert all(address.startswith("data:image/jpeg;base64,") for address in reader.fetched)
    assert "script" not in reader.tags
    assert "@import" not in html
    assert reader.bare_images == 0
    assert set(reader.labels) <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))
    assert reader.tags.count("h1") == 1
    assert {"details", "table", "svg", "figure"} <= set(reader.tags)
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_status_differs_in_word_and_shape(html: str) -> None:
    shapes = {}
    for status, words in {
        "present": "Present", "possible": "Possible", "not_seen": "Not seen",
        "not_assessable": "Not assessable", "not_tested": "Not tested",
    }.items():  # fmt: skip
        found = re.search(rf'class="status {status}"><svg[^>]*>(.*?)</svg>{words}<', html)
        assert found, status
        shapes[status] = found[1]
    assert len(set(shapes.values())) == 5


def test_text_from_outside_is_escaped(report: Report) -> None:
    bad = replace(report, subject=replace(report.subject, family="<script>alert(1)</script>"))
    page = render_html(bad, {}).decode()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_present_and_possible_stand_first_then_not_seen_then_the_rest(html: str) -> None:
    part = html[html.index('<h2 id="r1-e1">') : html.index('<h2 id="r1-e2">')]
    statuses = re.findall(r'class="status (\w+)"', part)
    ranks = ["present", "possible", "not_seen", "not_tested", "not_assessable"]
    assert statuses == sorted(statuses, key=ranks.index)
    assert set(statuses) == set(ranks)
    assert statuses.count("not_assessable") == 4


@pytest.fixture
def composing(tmp_path: Path) -> ComposeJob:
    """A job whose proxy is a real video of 12 s with two episodes' worth of signs in it."""
    root = (tmp_path / "objects").as_uri()
    store = ObjectStore(root)
    proxy = store.put_file(
        write_video(tmp_path / "proxy.mp4", seconds=12.0, rate=10), f"{root}/s1/c1/proxy.mp4", "video/mp4"
    )
    name = "r1-e1"
    episode = replace(
        reports.whole_episode(),
        onset_s=Interval(1.0, 1.2),
        offset_s=Interval(9.0, 9.5),
        findings=(
            reports.shown(name, "version", reports.occurrence(f"{name}-version", 1, (1.0, 1.2), (3.0, 3.5))),
            reports.shown(name, "clonic", reports.occurrence(f"{name}-clonic", 1, (4.0, 4.4), (4.6, 4.8))),
        ),
    )
    reading = reports.reading("r1", Tri.NO, 12.0, (episode,))
    reading = replace(reading, intake=replace(reading.intake, proxy=proxy))
    return reports.job((reading,), object_root=root)


def test_composing_writes_all_files_with_stills_from_the_proxy(composing: ComposeJob) -> None:
    stages: list[str] = []

    def note(fraction: float, stage: str, message: str) -> None:
        stages.append(stage)

    files = compose(composing, note)
    store = ObjectStore(composing.object_root)
    assert stages == ["stills", "model", "html", "pdf", "store"]
    assert from_json(Report, store.read_bytes(files.json)) == files.report
    VALIDATOR.validate(json.loads(store.read_bytes(files.json)))
    stills = files.report.evidence
    assert [(still.occurrence_id, still.time_s) for still in stills] == [
        ("r1-e1-version-1", 2.1),
        ("r1-e1-clonic-1", 4.5),
    ]
    for still in stills:
        with Image.open(io.BytesIO(store.read_bytes(still.object))) as image:
            assert image.format == "JPEG"
    assert store.read_bytes(files.html).decode().count("data:image/jpeg;base64,") == 2
    embedded = [image for page in PdfReader(io.BytesIO(store.read_bytes(files.pdf))).pages for image in page.images]
    assert len(embedded) == 2
    assert all(ref.uri.startswith(composing.output_prefix) for ref in (files.json, files.html, files.pdf))


def test_composing_twice_gives_the_same_bytes(composing: ComposeJob) -> None:
    assert compose(composing, _quiet) == compose(composing, _quiet)


def test_stills_can_be_limited(composing: ComposeJob) -> None:
    assert len(compose(replace(composing, max_stills=1), _quiet).report.evidence) == 1


def test_a_closed_gate_shows_no_still(composing: ComposeJob) -> None:
    young = replace(composing, case=replace(composing.case, context=reports.context(1.0)))
    assert compose(young, _quiet).report.evidence == ()


@pytest.mark.parametrize(
    ("change", "words"), [({"version": 0}, "version is 0"), ({"recordings": ()}, "at least one recording")]
)
def test_a_senseless_job_is_refused(composing: ComposeJob, change: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words):
        compose(replace(composing, **change), _quiet)


def _quiet(fraction: float, stage: str, message: str) -> None:
    assert 0 <= fraction <= 1


@pytest.mark.req("contradictions-are-shown")
def test_engines_that_contradict_each_other_are_shown_unfolded(report: Report) -> None:
    asked = EngineInfo("vlm", "1", "ab" * 32)
    episode, *rest = report.episodes
    finding = next(one for one in episode.findings if one.status is semiology.FindingStatus.PRESENT)
    opinions = (
        semiology.Opinion(finding.engine or asked, semiology.FindingStatus.PRESENT, 0.9, 50.0),
        semiology.Opinion(asked, semiology.FindingStatus.NOT_SEEN, 0.12, 50.0),
    )
    findings = tuple(replace(one, opinions=opinions) if one is finding else one for one in episode.findings)
    disputed = replace(report, episodes=(replace(episode, findings=findings), *rest))
    sentence = "vlm 1: not seen (score 0.12)"
    markup = render_html(disputed, {}).decode()
    assert sentence in re.sub(r"\s+", " ", markup.replace("\N{NO-BREAK SPACE}", " "))
    before = markup[: markup.index("Engines disagree")]
    assert before.count("<details") == before.count("</details>"), "it stands in no folded part"
    assert any("Engines disagree" in page and sentence in page for page in pages(render_pdf(disputed, {})))
    assert VALIDATOR.is_valid(json.loads(to_json(disputed)))
