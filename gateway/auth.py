"""Who is calling: OIDC bearer tokens, the local token of the embedded stack, and browser sessions.

There is no anonymous mode. A bearer token is either a JWT of the configured issuer (asymmetric signatures only, issuer
and audience checked) or the content of the local token file. A browser has a session cookie, which it got in exchange
for a link that works once. Cookies are believed on unsafe methods only when the browser says that the request comes
from our own pages.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt
from fastapi import Request
from jwt import PyJWKClient

from gateway.local import LocalAccess
from gateway.settings import GatewaySettings, Role
from schemas.errors import InvalidRequestError, PermissionDeniedError, UnauthenticatedError, UnavailableError

ALLOWED_ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Asymmetric only: a shared secret or ``none`` would let the holder of a public key forge tokens."""

_SITE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_IMPLIED: dict[Role, frozenset[Role]] = {
    "reader": frozenset({"reader"}),
    "submitter": frozenset({"submitter"}),
    "admin": frozenset({"reader", "submitter", "admin"}),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """On whose behalf a request is made."""

    site_id: str
    """Hospital site of the token."""
    actor: str
    """Stable pseudonymous id of the person or client."""
    roles: frozenset[Role]
    """What it may do."""

    def require(self, role: Role) -> None:
        """Raises `PermissionDeniedError` unless one of the roles covers `role`."""
        if not any(role in _IMPLIED[held] for held in self.roles):
            raise PermissionDeniedError(
                f"This needs the role {role}; the token has {', '.join(sorted(self.roles)) or 'none'}."
            )


class OidcVerifier:
    """Checks JWTs against an issuer's published keys, which are cached."""

    def __init__(self, settings: GatewaySettings) -> None:
        refused = set(settings.oidc_algorithms) - ALLOWED_ALGORITHMS
        if refused or not settings.oidc_algorithms:
            raise InvalidRequestError(
                f"oidc_algorithms must be some of {sorted(ALLOWED_ALGORITHMS)}, but has {sorted(refused)}"
            )
        self._settings = settings
        self._keys: PyJWKClient | None = None

    def verify(self, token: str) -> Identity:
        """The identity in a token. Blocks while keys are fetched: call it in a thread.

        Raises `UnauthenticatedError` for a bad token, `UnavailableError` when the issuer cannot be reached.
        """
        claims = self._claims(token)
        site = _claim(claims, self._settings.oidc_site_claim)
        if not isinstance(site, str) or not _SITE.fullmatch(site):
            raise UnauthenticatedError(f"The token's claim {self._settings.oidc_site_claim} names no valid site.")
        return Identity(site, str(claims["sub"]), self._roles(claims))

    def _claims(self, token: str) -> dict[str, Any]:
        settings = self._settings
        try:
            key = self._client().get_signing_key_from_jwt(token).key
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(settings.oidc_algorithms),
                issuer=settings.oidc_issuer,
                audience=settings.oidc_audience,
                leeway=settings.oidc_leeway_s,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWKClientConnectionError as exc:
            raise UnavailableError("The token issuer's keys cannot be fetched right now.") from exc
        except (jwt.PyJWTError, jwt.PyJWKClientError) as exc:
            raise UnauthenticatedError(f"The bearer token was refused: {type(exc).__name__}.") from exc
        return claims

    def _roles(self, claims: dict[str, Any]) -> frozenset[Role]:
        named = _claim(claims, self._settings.oidc_role_claim)
        names = named.split() if isinstance(named, str) else named if isinstance(named, list) else []
        known: dict[str, Role] = {"reader": "reader", "submitter": "submitter", "admin": "admin"}
        known.update(self._settings.role_names)
        return frozenset(known[name] for name in names if isinstance(name, str) and name in known)

    def _client(self) -> PyJWKClient:
        if self._keys is None:
            url = self._settings.oidc_jwks_url or _discover(self._settings.oidc_issuer)
            self._keys = PyJWKClient(url, cache_jwk_set=True, lifespan=self._settings.oidc_keys_cache_s, timeout=5)
        return self._keys


class Authenticator:
    """Finds out who makes a request."""

    def __init__(self, settings: GatewaySettings, local: LocalAccess | None) -> None:
        self._oidc = OidcVerifier(settings) if settings.oidc_issuer else None
        self._local = local
        self._settings = settings

    async def identify(self, request: Request) -> Identity:
        """The identity behind a request; raises `UnauthenticatedError` when there is none."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme:
            if scheme.lower() != "bearer" or not token.strip():
                raise UnauthenticatedError("The Authorization header must read: Bearer <token>.")
            return await self._bearer(token.strip())
        identity = self._session(request)
        if identity is None:
            raise UnauthenticatedError(
                "No credentials came with the request; send a bearer token or open the printed link."
            )
        return identity

    async def _bearer(self, token: str) -> Identity:
        if self._local and self._local.is_token(token):
            return self.local_identity()
        if self._oidc is None:
            raise UnauthenticatedError("The bearer token was refused.")
        return await asyncio.to_thread(self._oidc.verify, token)

    def local_identity(self) -> Identity:
        """Whom the local token stands for."""
        return Identity(self._settings.local_site, "local", frozenset({"admin"}))

    def _session(self, request: Request) -> Identity | None:
        if self._local is None:
            return None
        cookie = request.cookies.get(self._local.cookie_name(secure=is_secure(self._settings, request)))
        if not cookie or not self._local.is_session(cookie):
            return None
        unsafe = request.method not in _SAFE_METHODS or "x-http-method-override" in request.headers
        if unsafe and not _from_our_pages(request):
            raise PermissionDeniedError(
                "A request with a session cookie may change things only from this site's own pages."
            )
        return self.local_identity()


def requires(role: Role) -> Callable[[Request], Awaitable[Identity]]:
    """A dependency that gives the caller's identity, if it has the role."""

    async def identity(request: Request) -> Identity:
        caller = await identify(request)
        caller.require(role)
        return caller

    return identity


async def identify(request: Request) -> Identity:
    """The identity behind a request, worked out once per request."""
    known = getattr(request.state, "identity", None)
    if known is None:
        authenticator: Authenticator = request.app.state.authenticator
        known = request.state.identity = await authenticator.identify(request)
    assert isinstance(known, Identity)
    return known


def is_secure(settings: GatewaySettings, request: Request) -> bool:
    """Whether users reach us over https."""
    return settings.public_url.startswith("https://") or request.url.scheme == "https"


def _from_our_pages(request: Request) -> bool:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


def _claim(claims: dict[str, Any], path: str) -> Any:
    """A claim by its name, or by a dotted path into nested objects (``realm_access.roles``)."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _discover(issuer: str) -> str:
    """The key address from the issuer's discovery document (OpenID Connect Discovery 1.0 §4)."""
    import httpx

    try:
        reply = httpx.get(issuer.rstrip("/") + "/.well-known/openid-configuration", timeout=5).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as exc:
        raise UnavailableError("The token issuer's discovery document cannot be fetched right now.") from exc
    if reply.get("issuer") != issuer or not isinstance(reply.get("jwks_uri"), str):
        raise UnavailableError("The token issuer's discovery document does not name this issuer and its keys.")
    return str(reply["jwks_uri"])
