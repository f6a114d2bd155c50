"""Idempotency of mutations, and the audit trail."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from schemas.errors import AlreadyExistsError, InvalidRequestError
from services.cases.store.database import Connection


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mutation as the idempotency table knows it."""

    site_id: str
    caller: str
    method: str
    request_id: str
    hash: str


def mutation(method: str, request: Message) -> Mutation:
    """Describe a request; its hash covers everything but the request id and who asks."""
    request_id, caller = request.request_id, request.caller  # type: ignore[attr-defined]
    if not request_id:
        raise InvalidRequestError(f"{method} came without a request_id; every mutation carries one")
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("request_id")
    bare.ClearField("caller")
    digest = hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()
    return Mutation(caller.site_id, caller.actor, method, request_id, digest)


def begin(connection: Connection, asked: Mutation) -> bytes | None:
    """Note a mutation; the earlier answer when it was already made, else None: then make it and `answer`.

    A concurrent twin waits here until the first one has committed. Raises AlreadyExistsError when the same id came
    with another request.
    """
    ensure_site(connection, asked.site_id)
    row = connection.execute(
        "INSERT INTO request (site_id, caller, method, request_id, hash) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING RETURNING 1 AS made",
        (asked.site_id, asked.caller, asked.method, asked.request_id, asked.hash),
    ).fetchone()
    if row is not None:
        return None
    earlier = connection.execute(
        "SELECT hash, response FROM request WHERE site_id = %s AND caller = %s AND method = %s AND request_id = %s",
        (asked.site_id, asked.caller, asked.method, asked.request_id),
    ).fetchone()
    if earlier is None or earlier["hash"] != asked.hash:
        raise AlreadyExistsError(f"request id {asked.request_id} was already used for another {asked.method} request")
    return bytes(earlier["response"] or b"")


def answer(connection: Connection, asked: Mutation, response: bytes) -> None:
    """Keep the answer of a mutation; in the transaction that makes it."""
    connection.execute(
        "UPDATE request SET response = %s WHERE site_id = %s AND caller = %s AND method = %s AND request_id = %s",
        (response, asked.site_id, asked.caller, asked.method, asked.request_id),
    )


def ensure_site(connection: Connection, site_id: str) -> None:
    """Make the site's row if there is none."""
    connection.execute("INSERT INTO site (id) VALUES (%s) ON CONFLICT DO NOTHING", (site_id,))


def audit(
    connection: Connection,
    *,
    site_id: str,
    actor: str,
    roles: Sequence[str],
    method: str,
    case_id: str | None,
    outcome: str,
    trace_id: str,
) -> None:
    """Write down who asked for what and what came of it."""
    connection.execute(
        "INSERT INTO audit (site_id, actor, roles, method, case_id, outcome, trace_id)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (site_id, actor, list(roles), method, case_id, outcome, trace_id),
    )
