"""A case's life after its report: what people add to it, what is said twice about it, and how it leaves."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import AlreadyExistsError, StateConflictError
from tests.support.stack import StackUnderTest, wait_for
from tests.support.videos import scene, write_video


def files_of(under_test: StackUnderTest, case_id: str) -> set[str]:
    """What lies in the object store for a case, half-written files included."""
    folder = under_test.stack.home / "objects"
    uploads = under_test.rows("SELECT uri FROM recording_file WHERE case_id = %s", case_id)
    found = {path.as_uri() for path in folder.glob(f"*/{case_id}/**/*") if path.is_file()}
    return found | {row["uri"] for row in uploads if Path(row["uri"].removeprefix("file://")).exists()}


def call(under_test: StackUnderTest, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    with under_test.client() as client:
        return client._send(method, path, json=body).json()


@pytest.mark.req("a-closed-read-never-changes")
def test_what_people_enter_stands_in_the_next_report_and_a_deleted_case_leaves_nothing(
    under_test: StackUnderTest, tmp_path: Path
) -> None:
    video = write_video(tmp_path / "clip.mp4", scene(seed=77), seconds=2.0)
    order = f"order-{uuid.uuid4()}"
    case_id = under_test.submit(video, order=order)
    under_test.wait_delivered(case_id)
    stored = files_of(under_test, case_id)
    named = under_test.rows("SELECT uri FROM object WHERE case_id = %s AND condemned_at IS NULL", case_id)
    assert stored == {row["uri"] for row in named}, "every stored object has its row, and every row its object"

    path = f"/cases/{case_id}"
    call(
        under_test, "POST", f"{path}/tests", {"recording_id": "r1", "kind": "naming", "at_s": [0.5, 1], "prompt": "pen"}
    )
    call(under_test, "POST", f"{path}/interventions", {"recording_id": "r1", "kind": "oxygen", "at_s": [1, 1.5]})
    opening = {"role": "reader", "blinded_to_ai": False, "blinded_to_eeg": True, "blinded_to_history": True}
    read = call(under_test, "POST", f"{path}/reads", opening)
    call(under_test, "PUT", f"{path}/reads/{read['id']}", {"episodes": [], "close": True})
    with pytest.raises(StateConflictError, match="never changed"):
        call(under_test, "PUT", f"{path}/reads/{read['id']}", {"episodes": []})
    call(under_test, "POST", f"{path}/rerun")
    folder = under_test.wait_delivered(case_id)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert [(one["kind"], one["prompt"]) for one in report["tests"]] == [("naming", "pen")]
    assert [one["kind"] for one in report["interventions"]] == ["oxygen"]
    assert [(one["id"], one["finished_at"] != "") for one in report["reads"]] == [("read1", True)]
    with under_test.client() as client:
        page = client.download(f"{path}/report.html").decode()
    assert "naming" in page
    assert "oxygen" in page

    with under_test.client() as client:
        otherwise = {
            "subject": {"identifier": "SYN-1"},
            "order": {"identifier": order},
            "recordings": [{"upload_id": client.upload(video), "mirrored": "yes"}],
        }
        with pytest.raises(AlreadyExistsError, match=r"recordings\.0\.mirrored"):
            client.create_case(otherwise, str(uuid.uuid4()))

    everything = files_of(under_test, case_id)
    assert len(everything) > len(stored)
    under_test.rows('DELETE FROM "case" WHERE id = %s RETURNING id', case_id)
    wait_for(
        lambda: not any(Path(uri.removeprefix("file://")).exists() for uri in everything), "its objects to be deleted"
    )
