"""Local access for the embedded stack: one secret in a file, links that work once, and browser sessions.

Whoever can read the token file may use its content as a bearer token (the command line does). A link
``…/?token=<secret>`` may be exchanged for a session cookie once; further links are minted on request and each works
once, too. Sessions are signed, not stored, so that they outlive a restart of the gateway.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path

from schemas.errors import InvalidRequestError

_LINK_LIFE_S = 600.0


class LocalAccess:
    """The local token, its links and its sessions."""

    def __init__(self, token_file: Path, session_s: float) -> None:
        self._secret = _read_or_make(token_file)
        self._spent = token_file.with_name(token_file.name + ".used")
        self._session_s = session_s
        self._links: dict[str, float] = {}
        self._key = hashlib.sha256(b"ictogram session\0" + self._secret.encode()).digest()

    def is_token(self, token: str) -> bool:
        """Whether this is the secret itself."""
        return _same(token, self._secret)

    def mint_link_token(self) -> str:
        """A token for one further link; it lives ten minutes."""
        now = time.monotonic()
        self._links = {key: until for key, until in self._links.items() if until > now}
        token = secrets.token_urlsafe(32)
        self._links[_digest(token)] = now + _LINK_LIFE_S
        return token

    def redeem(self, token: str) -> str | None:
        """A session in exchange for a link's token; none when it is wrong or was used already."""
        until = self._links.pop(_digest(token), None)
        minted = until is not None and until > time.monotonic()
        if minted or (self.is_token(token) and self._spend_secret()):
            return self._new_session()
        return None

    def is_session(self, cookie: str) -> bool:
        """Whether this is a session that we signed and that still runs."""
        body, _, signature = cookie.rpartition(".")
        if not body or not _same(signature, self._sign(body)):
            return False
        expires = body.split(".")[0]
        return expires.isdigit() and int(expires) > time.time()

    def cookie_name(self, *, secure: bool) -> str:
        """Differs between stacks on one host, because cookies do not tell ports apart."""
        name = "ictogram-" + hashlib.sha256(b"name\0" + self._key).hexdigest()[:8]
        return "__Host-" + name if secure else name

    def _new_session(self) -> str:
        body = f"{int(time.time() + self._session_s)}.{secrets.token_hex(8)}"
        return f"{body}.{self._sign(body)}"

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()

    def _spend_secret(self) -> bool:
        """Marks the first link as used, in a file, so that a restart does not revive it."""
        mark = _digest(self._secret)
        if self._spent.exists() and self._spent.read_text(encoding="ascii") == mark:
            return False
        self._spent.write_text(mark, encoding="ascii")
        return True


def _read_or_make(path: Path) -> str:
    """The secret in `path`; a new random one, readable by the owner only, when there is none.

    Raises `InvalidRequestError` when the file holds fewer than 32 characters.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
        with contextlib.suppress(FileExistsError):  # somebody else was first: theirs holds
            os.link(draft, path)
        draft.unlink()
    secret = path.read_text(encoding="ascii").strip()
    if len(secret) < 32:
        raise InvalidRequestError(f"local_token_file must hold at least 32 characters, but holds {len(secret)}")
    return secret


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
