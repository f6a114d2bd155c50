from __future__ import annotations

import pytest

from gateway import problems
from schemas import errors
from tests.gateway.serving import Gateway


def every(cls: type[errors.IctogramError]) -> list[type[errors.IctogramError]]:
    """The tree itself; parts may have errors of their own, which map like the class they derive from."""
    found = [cls, *(deeper for child in cls.__subclasses__() for deeper in every(child))]
    return [one for one in found if one.__module__ == errors.__name__]


@pytest.mark.parametrize("cls", every(errors.IctogramError), ids=lambda cls: cls.__name__)
def test_every_error_has_a_status_that_tells_whether_to_retry(cls: type[errors.IctogramError]) -> None:
    status = problems.status_of(cls())
    assert 400 <= status < 600
    if cls.retryable:
        assert status in {429, 503}
    else:
        assert status not in {423, 429, 503}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing/here", 404, "not-found"),
        ("DELETE", "/cases", 405, "method-not-allowed"),
        ("GET", "/cases?page_size=1000", 422, "invalid-request"),
        ("GET", "/cases/unknown", 404, "not-found"),
        ("GET", "/cases/unknown/events", 404, "not-found"),
        ("GET", "/static/nothing.css", 404, "not-found"),
    ],
)
def test_every_error_is_a_problem(gateway: Gateway, method: str, path: str, status: int, code: str) -> None:
    with gateway.client() as http:
        reply = http.request(method, path)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["type"] == f"urn:ictogram:problem:{code}"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in reply.headers["content-security-policy"]


def test_unexpected_fault_shows_its_trace_and_not_its_text(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("CANARY-Smith")

    monkeypatch.setattr(type(gateway.app.state.context.cases), "get", broken)
    with gateway.client() as http:
        reply = http.get("/cases/x")
    assert (reply.status_code, reply.json()["code"]) == (500, "internal")
    assert len(reply.json().get("trace_id", "0" * 32)) == 32
    assert "CANARY" not in reply.text


def test_openapi_is_published_with_examples(gateway: Gateway) -> None:
    with gateway.client("") as http:
        document = http.get("/openapi.json").json()
    create = document["paths"]["/cases"]["post"]
    assert create["requestBody"]["content"]["application/json"]["example"]["subject"]
    assert "application/problem+json" in create["responses"]["503"]["content"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary"), f"{method} {path} has no summary"
