from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from gateway.cases import CaseView
from gateway.middleware import PAGE_POLICY
from gateway.timeline import clock, of_episode, overview
from schemas.case import Case, CaseStatus, StepName, StepState, StepStatus, Subject
from tests.gateway import samples
from tests.gateway.serving import Gateway
from tests.support import reports

STATIC = Path(__file__).parents[2] / "gateway" / "static"
TEMPLATES = STATIC.parent / "templates"


@pytest.fixture
def http(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client() as client:
        yield client


def test_report_page_says_first_what_could_not_be_seen(gateway: Gateway, http: httpx.Client) -> None:
    case = samples.reported(gateway)
    page = http.get(f"/browse/{case.id}")
    assert page.status_code == 200
    assert page.headers["content-security-policy"] == PAGE_POLICY
    text = page.text
    assert text.index("What could be seen") < text.index("Candidate episode r1-e1")
    assert "Nothing seen does not exclude a seizure." in text
    assert "UNSIGNED" in text
    for words in ("● ", "◐", "○", "▨", "□"):
        assert words.strip() in text, "each status has a shape of its own"
    for absent in (" absent", "normal ", "✓ not seen"):
        assert absent not in text
    assert "still going on at 6:00" in text
    assert f'src="/cases/{case.id}/recordings/r1/video"' in text
    for link in re.findall(r'href="(/cases/[^"]+)"', text):
        assert http.get(link.replace("&amp;", "&")).status_code == 200, link


def test_running_and_failed_cases(gateway: Gateway, http: httpx.Client) -> None:
    step = StepState(StepName.INTAKE, "r1", StepStatus.RUNNING, 0.25, "decoding")
    case = Case("busy", "local", Subject("MRN-9", family="<b>Sample"), (), status=CaseStatus.RUNNING)
    gateway.cases.views["busy"] = CaseView(case, (step,))
    failed = replace(
        case, id="bad", status=CaseStatus.FAILED, error_code="unreadable-media", error_message="Not a video."
    )
    gateway.cases.views["bad"] = CaseView(failed)
    running = http.get("/browse/busy").text
    assert 'value="0.25"' in running
    assert 'data-action="cancel"' in running
    assert "&lt;b&gt;Sample" in running
    assert "<b>Sample" not in running
    page = http.get("/browse/bad").text
    assert "Not a video." in page
    assert 'data-action="retry"' in page
    rows = http.get("/").text
    assert "/browse/busy" in rows
    assert "Not a video." in rows


def test_errors_of_pages_are_pages(gateway: Gateway, http: httpx.Client) -> None:
    missing = http.get("/browse/nothing")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "there is no such case" in missing.text
    with gateway.client("") as stranger:
        refused = stranger.get("/")
    assert refused.status_code == 401
    assert "open your link again" in refused.text
    assert "Send a video" not in refused.text


def test_a_browser_that_is_signed_in_does_not_spend_a_link(tmp_path: Path) -> None:
    running = Gateway(tmp_path)
    try:
        with running.client() as owner, running.client("") as browser:
            assert browser.get(f"/?token={running.token}").status_code == 303
            link = owner.post("/session/links").json()["url"]
            assert browser.get(link).status_code == 303
            with running.client("") as other:
                assert other.get(link).status_code == 303
    finally:
        running.stop()


@pytest.mark.parametrize("path", sorted([*TEMPLATES.iterdir(), *STATIC.iterdir()]), ids=lambda path: path.name)
def test_pages_need_nothing_from_elsewhere_and_nothing_inline(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    outside = [url for url in re.findall(r"https?://[^\s\"')]+", text) if "www.w3.org/2000/svg" not in url]
    assert outside == []
    if path.suffix == ".html":
        assert not re.search(r"\sstyle=|\son\w+=|<style|javascript:", text)
        assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    if path.suffix == ".js":
        assert "innerHTML =" not in text
        assert "eval(" not in text


@pytest.mark.parametrize("path", sorted(STATIC.iterdir()), ids=lambda path: path.name)
def test_static_files_are_served(gateway: Gateway, path: Path) -> None:
    with gateway.client("") as http:
        reply = http.get(f"/static/{path.name}")
    assert reply.status_code == 200
    assert reply.headers["content-type"].split(";")[0] in {"text/javascript", "text/css", "image/svg+xml"}


@pytest.mark.parametrize(
    ("time_s", "text"),
    [(0, "0:00"), (9.96, "0:10"), (72.5, "1:12.5"), (59.99, "1:00"), (3661.0, "61:01"), (0.04, "0:00")],
)
def test_clock(time_s: float, text: str) -> None:
    assert clock(time_s) == text


def test_timeline_keeps_times_and_order() -> None:
    report = reports.report()
    episode = report.episodes[0]
    titles = {finding.sign: finding.sign for finding in episode.findings}
    sides = {one.id: "" for finding in episode.findings for one in finding.occurrences}
    drawn = of_episode(episode, 360.0, titles, sides)
    starts = [min(bar.x for bar in lane.bars) for lane in drawn.lanes[1:]]
    assert starts == sorted(starts)
    for lane in drawn.lanes:
        for bar in lane.bars:
            assert 210 <= bar.outer_x <= bar.x
            assert bar.x + bar.width <= 1000.5
            assert drawn.start_s <= bar.start_s <= bar.end_s <= drawn.end_s
    whole = overview(
        report.recordings[0],
        report.episodes,
        {gap.reason: "why" for gap in report.recordings[0].coverage.not_assessable},
    )
    assert [lane.name for lane in whole.lanes] == ["Could not be judged", "Candidate episodes"]
    assert (whole.start_s, whole.end_s) == (0.0, 360.0)
    assert whole.lanes[1].bars[1].open_right
