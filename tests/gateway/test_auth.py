from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from gateway.app import create_app
from gateway.auth import OidcVerifier
from gateway.local import LocalAccess
from gateway.settings import GatewaySettings
from schemas.errors import InvalidRequestError
from services.runtime.objects import ObjectStore
from tests.gateway.serving import MP4, Gateway, upload


class Issuer:
    """Publishes keys and signs tokens."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.fetches = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += self.path == "/keys"
                found = {"/keys": issuer.keys(), "/.well-known/openid-configuration": issuer.discovery()}
                data = json.dumps(found.get(self.path, {})).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def keys(self) -> dict[str, Any]:
        rsa_key = json.loads(RSAAlgorithm.to_jwk(self.rsa.public_key()))
        ec_key = json.loads(ECAlgorithm.to_jwk(self.ec.public_key()))
        return {"keys": [{**rsa_key, "kid": "rsa", "use": "sig"}, {**ec_key, "kid": "ec", "use": "sig"}]}

    def discovery(self) -> dict[str, str]:
        return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}

    def token(self, *, algorithm: str = "RS256", key: Any = None, kid: str = "rsa", **claims: Any) -> str:
        now = int(time.time())
        payload = {
            "iss": self.url, "aud": "ictogram", "sub": "user-1", "iat": now, "exp": now + 300,
            "realm_access": {"roles": ["ward-reader", "other"]}, "site": "site-a", **claims,
        }  # fmt: skip
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(payload, key or (self.ec if kid == "ec" else self.rsa), algorithm, headers={"kid": kid})

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    running = Issuer()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def hospital(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    running = Gateway(
        tmp_path_factory.mktemp("hospital"),
        local_token_file=None,
        oidc_issuer=issuer.url,
        oidc_role_claim="realm_access.roles",
        role_names={"ward-reader": "reader", "ward-sender": "submitter"},
    )
    yield running
    running.stop()


SENDER = {"realm_access": {"roles": ["ward-sender", "ward-reader"]}}


def status(gateway: Gateway, token: str, path: str = "/cases") -> int:
    return httpx.get(gateway.url + path, headers={"Authorization": f"Bearer {token}"}).status_code


@pytest.mark.parametrize(("algorithm", "kid"), [("RS256", "rsa"), ("ES256", "ec")])
def test_token_of_the_issuer_is_taken(hospital: Gateway, issuer: Issuer, algorithm: str, kid: str) -> None:
    assert status(hospital, issuer.token(algorithm=algorithm, kid=kid)) == 200


def test_keys_are_cached(hospital: Gateway, issuer: Issuer) -> None:
    status(hospital, issuer.token())
    before = issuer.fetches
    for _ in range(5):
        assert status(hospital, issuer.token()) == 200
    assert issuer.fetches == before


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 60},
        {"exp": None},
        {"aud": "another"},
        {"aud": None},
        {"iss": "http://elsewhere"},
        {"sub": None},
        {"site": None},
        {"site": "../site-b"},
        {"site": ["site-a"]},
        {"nbf": int(time.time()) + 600},
    ],
)
def test_token_with_a_wrong_claim_is_refused(hospital: Gateway, issuer: Issuer, claims: dict[str, Any]) -> None:
    assert status(hospital, issuer.token(**claims)) == 401


def test_forged_signatures_are_refused(hospital: Gateway, issuer: Issuer) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert status(hospital, issuer.token(key=stranger)) == 401
    assert status(hospital, _signed_with_the_public_key(issuer)) == 401
    unsigned = jwt.encode(jwt.decode(issuer.token(), options={"verify_signature": False}), "", "none")
    assert status(hospital, unsigned) == 401
    assert status(hospital, issuer.token(kid="unknown", key=issuer.rsa)) == 401
    assert status(hospital, "no.jwt.at-all") == 401


def _signed_with_the_public_key(issuer: Issuer) -> str:
    """The classic confusion: HMAC with the public key, which everybody has. PyJWT refuses to make one, so by hand."""
    public = issuer.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = json.dumps({"alg": "HS256", "kid": "rsa"}).encode()
    signed = base64.urlsafe_b64encode(head).rstrip(b"=") + b"." + issuer.token().split(".")[1].encode()
    signature = hmac.new(public, signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def test_answer_says_how_to_authenticate(hospital: Gateway) -> None:
    reply = httpx.get(f"{hospital.url}/cases")
    assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
    basic = httpx.get(f"{hospital.url}/cases", auth=("user", "password"))
    assert (basic.status_code, "Bearer" in basic.json()["detail"]) == (401, True)


@pytest.mark.parametrize("algorithms", [("HS256",), ("none",), ("RS256", "HS512"), ()])
def test_forgeable_algorithms_cannot_be_configured(algorithms: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequestError, match="oidc_algorithms"):
        OidcVerifier(GatewaySettings(oidc_issuer="https://issuer", oidc_algorithms=algorithms))


def test_there_is_no_anonymous_mode(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="there is no anonymous access"):
        create_app(GatewaySettings(upload_dir=tmp_path / "up"), ObjectStore(tmp_path.as_uri()))


def test_every_route_but_health_and_the_description_wants_credentials(gateway: Gateway) -> None:
    with gateway.client("") as http:
        paths = http.get("/openapi.json").json()["paths"]
        open_paths = set()
        for path, methods in paths.items():
            concrete = path.replace("{kind}", "pdf").replace("{action}", "cancel").replace("{number}", "0")
            for method in methods:
                reply = http.request(
                    method, concrete.replace("{", "").replace("}", ""), headers={"Tus-Resumable": "1.0.0"}
                )
                if reply.status_code != 401:
                    open_paths.add(path)
        assert open_paths == {"/health/live", "/health/ready"}
        for page in ("/", "/send", "/browse/x"):
            assert http.get(page).status_code == 401


def test_roles(hospital: Gateway, issuer: Issuer) -> None:
    with hospital.client(issuer.token()) as reader, hospital.client(issuer.token(realm_access={"roles": []})) as nobody:
        assert reader.get("/cases").status_code == 200
        refused = reader.post("/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "5"})
        assert (refused.status_code, refused.json()["code"]) == (403, "permission-denied")
        assert reader.post("/cases/x/cancel").status_code == 403
        assert reader.post("/session/links").status_code == 403
        assert reader.post("/cases/x/tests", json={}).status_code == 403
        assert reader.post("/cases/x/interventions", json={}).status_code == 403
        assert reader.post("/cases/x/reads", json={}).status_code == 422, "a reader may read; only the body is wrong"
        assert nobody.post("/cases/x/reads", json={}).status_code == 403
        assert nobody.get("/cases").status_code == 403


def test_sites_and_actors_do_not_see_each_other(hospital: Gateway, issuer: Issuer) -> None:
    with (
        hospital.client(issuer.token(**SENDER)) as sender,
        hospital.client(issuer.token(**SENDER, sub="user-2")) as colleague,
        hospital.client(issuer.token(**SENDER, site="site-b")) as elsewhere,
    ):
        upload_id = upload(sender, MP4)
        body = {"subject": {"identifier": "M"}, "recordings": [{"upload_id": upload_id}]}
        for other in (colleague, elsewhere):
            assert other.get(f"/uploads/{upload_id}").status_code == 404
            assert other.head(f"/uploads/{upload_id}", headers={"Tus-Resumable": "1.0.0"}).status_code == 404
            assert other.delete(f"/uploads/{upload_id}", headers={"Tus-Resumable": "1.0.0"}).status_code == 404
            assert other.post("/cases", json=body).status_code == 404
        created = sender.post("/cases", json=body)
        assert created.status_code == 201
        case_id = created.json()["case"]["id"]
        assert colleague.get(f"/cases/{case_id}").status_code == 200
        assert elsewhere.get(f"/cases/{case_id}").status_code == 404
        assert elsewhere.get(f"/cases/{case_id}/events").status_code == 404
        assert elsewhere.get("/cases").json()["cases"] == []
        request = next(item for item in reversed(hospital.cases.requests) if hasattr(item, "subject"))
        assert (request.caller.site_id, request.caller.actor) == ("site-a", "user-1")
        assert set(request.caller.roles) == {"reader", "submitter"}


def test_issuer_that_cannot_be_reached_is_no_verdict(tmp_path: Path, issuer: Issuer) -> None:
    running = Gateway(
        tmp_path, local_token_file=None, oidc_issuer="http://127.0.0.1:9", oidc_jwks_url="http://127.0.0.1:9/keys"
    )
    try:
        assert status(running, issuer.token()) == 503
    finally:
        running.stop()


def test_local_token_is_for_its_owner_only(gateway: Gateway) -> None:
    assert gateway.token_file.stat().st_mode & 0o777 == 0o600
    assert len(gateway.token) >= 32
    assert status(gateway, gateway.token) == 200
    assert status(gateway, gateway.token + "x") == 401


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Gateway]:
    running = Gateway(tmp_path)
    yield running
    running.stop()


def test_link_works_once_and_its_session_carries_on(fresh: Gateway) -> None:
    with fresh.client("") as browser, fresh.client("") as second:
        entered = browser.get(f"/?token={fresh.token}")
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        cookie = entered.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert fresh.token not in cookie
        assert browser.get("/cases").status_code == 200
        assert second.get(f"/?token={fresh.token}").status_code == 401
        assert second.get("/cases").status_code == 401
    with fresh.client() as owner, fresh.client("") as third:
        url = owner.post("/session/links").json()["url"]
        assert third.get(url).status_code == 303
        assert third.get("/cases").status_code == 200
        assert fresh.client("").get(url).status_code == 401


def test_session_outlives_a_restart_and_the_first_link_stays_spent(tmp_path: Path) -> None:
    first = LocalAccess(tmp_path / "token", 60)
    secret = (tmp_path / "token").read_text()
    session = first.redeem(secret)
    assert session is not None
    again = LocalAccess(tmp_path / "token", 60)
    assert again.is_session(session)
    assert again.redeem(secret) is None
    assert not again.is_session(session[:-1] + ("0" if session[-1] != "0" else "1"))
    assert not LocalAccess(tmp_path / "other", 60).is_session(session)


def test_session_ends(tmp_path: Path) -> None:
    access = LocalAccess(tmp_path / "token", session_s=-1)
    session = access.redeem((tmp_path / "token").read_text())
    assert session is not None
    assert not access.is_session(session)


def test_short_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    with pytest.raises(InvalidRequestError, match="at least 32 characters"):
        LocalAccess(tmp_path / "token", 60)


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "http://evil.example"}, False),
        ({}, False),
    ],
)
def test_cookie_changes_things_from_our_pages_only(fresh: Gateway, headers: dict[str, str], allowed: bool) -> None:
    with fresh.client("") as browser:
        browser.get(f"/?token={fresh.token}")
        reply = browser.post("/uploads", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "5", **headers})
        assert reply.status_code == (201 if allowed else 403)
        hidden = {"X-HTTP-Method-Override": "POST", **headers}
        assert (browser.get("/cases", headers=hidden).status_code == 200) is allowed


def test_own_origin_stands_in_for_older_browsers(fresh: Gateway) -> None:
    with fresh.client("") as browser:
        browser.get(f"/?token={fresh.token}")
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "5", "Origin": fresh.url}
        assert browser.post("/uploads", headers=headers).status_code == 201


def test_https_cookies_are_bound_to_the_host(tmp_path: Path) -> None:
    running = Gateway(tmp_path, public_url="https://seizures.example.org")
    try:
        reply = httpx.get(f"{running.url}/?token={running.token}")
        cookie = reply.headers["set-cookie"]
        assert cookie.startswith("__Host-ictogram-")
        assert "Secure" in cookie
        assert "Domain" not in cookie
        assert reply.headers["strict-transport-security"]
    finally:
        running.stop()
