"""A whole case through SAM 2 views and a real vLLM with two adapters, on the services as a site runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from research.phantom.render import render
from research.phantom.scripts import named
from research.tiny_vlm import CHECKPOINT
from tests.support import tiny_sam2, vllm
from tests.support.counterparts import Counterpart
from tests.support.stack import StackUnderTest, running_stack, wait_for

pytestmark = [pytest.mark.conformance, pytest.mark.vision, pytest.mark.timeout(3600)]
PATIENCE_S = 1500.0
"""SAM 2 and a language model on two shared cores take their time."""
ENGINES = (
    "services.semiology.engines.kinematic.engine:KinematicEngine",
    "services.semiology.engines.vlm.engine:VlmEngine",
    "services.semiology.engines.audio.engine:AudioEngine",
)
VIEWS = ("full_frame", "silhouette", "face_crop", "hands", "pose_overlay", "privacy")
GIB = 2**30


@dataclass(frozen=True)
class Site:
    """The services and the model server beside them."""

    stack: StackUnderTest
    server: Counterpart


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    weights = tiny_sam2.make(tmp_path_factory.mktemp("sam2"))
    with vllm.running_vllm(CHECKPOINT / "base", [CHECKPOINT / "limbs", CHECKPOINT / "body"]) as server:
        settings = {
            "ICTOGRAM_SEGMENTATION_ENGINE": "services.segmentation.engines.sam2.engine:Sam2Engine",
            "ICTOGRAM_SEGMENTATION_WEIGHTS": str(weights),
            "ICTOGRAM_SEGMENTATION_VIEWS": json.dumps(VIEWS),
            "ICTOGRAM_SEGMENTATION_MEMORY_BYTES": str(8 * GIB),
            "ICTOGRAM_SEMIOLOGY_ENGINES": json.dumps(ENGINES),
            "ICTOGRAM_SEMIOLOGY_MEMORY_BYTES": str(4 * GIB),
            "ICTOGRAM_VLM_URL": f"http://127.0.0.1:{server.port}/v1",
            "ICTOGRAM_VLM_WEIGHTS": str(CHECKPOINT),
            "ICTOGRAM_VLM_TIMEOUT_S": "300",
            "ICTOGRAM_VLM_PATIENCE_S": "900",
        }
        with running_stack(tmp_path_factory.mktemp("stack"), settings) as stack:
            yield Site(stack, server)


def phantom(folder: Path, seed: int) -> Path:
    """Twenty seconds of a phantom whose arm jerks."""
    path = folder / "clip.mp4"
    script = replace(named("focal_clonic_right_arm"), window=(8.0, 28.0), jitter_s=0.0, blanket=0.0)
    render(script, seed, path, size=(480, 270), rate_hz=25.0, camera="bed_end", infrared=False)
    return path


def test_a_case_is_read_with_outlines_views_and_a_language_model(site: Site, tmp_path: Path) -> None:
    case_id = site.stack.submit(phantom(tmp_path, 777), patience_s=PATIENCE_S)
    folder = site.stack.wait_delivered(case_id, patience_s=PATIENCE_S)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert {"sam2", "kinematic", "vlm", "audio"} <= {engine["name"] for engine in report["engines"]}
    (episode,) = report["episodes"]
    findings = {finding["sign"]: finding for finding in episode["findings"]}
    opinions = {one["engine"]["name"]: one for one in findings["clonic"]["opinions"]}
    assert set(opinions) == {"kinematic", "vlm"}
    assert opinions["vlm"]["assessable_s"] > 0
    assert 0 <= opinions["vlm"]["score"] <= 1
    assert findings["verbal_responsiveness"]["status"] == "not_tested"
    stored = site.stack.rows("SELECT uri FROM object WHERE uri LIKE %s", f"%{case_id}%")
    for view in VIEWS[1:]:
        assert any(f"/{view}." in row["uri"] for row in stored), f"the view {view} was not made"


def test_a_model_server_killed_while_a_case_is_read_loses_nothing(site: Site, tmp_path: Path) -> None:
    # Another phantom: the same one again would reuse what the steps found, and nobody would be asked.
    other = phantom(tmp_path, 778)
    asked = vllm.metric(site.server.port, "request_success_total")
    case_id = site.stack.submit(other, patience_s=PATIENCE_S)
    wait_for(lambda: vllm.metric(site.server.port, "request_success_total") > asked, "a question", PATIENCE_S)
    site.server.kill()
    site.server.start()
    folder = site.stack.wait_delivered(case_id, patience_s=PATIENCE_S)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert "vlm" in {engine["name"] for engine in report["engines"]}
    versions = site.stack.rows(
        "SELECT v.version FROM report_version v JOIN report r ON r.id = v.report_id WHERE r.case_id = %s", case_id
    )
    assert [row["version"] for row in versions] == [1]
