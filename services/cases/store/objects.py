"""Which stored objects rows name. What happens to those that nothing names any more stands in `garbage`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from ictogram.model.v1.recording_pb2 import ObjectRef as ObjectRefMessage

from schemas.errors import ObjectMissingError
from schemas.recording import ObjectRef
from services.cases.store.database import Connection


def remember(
    connection: Connection,
    site_id: str,
    case_id: str,
    kind: str,
    refs: Iterable[ObjectRef | ObjectRefMessage],
) -> None:
    """Write down objects that rows of a case name from now on; ``kind`` is source, derived or report.

    Raises ObjectMissingError when one of them is being deleted.
    """
    refs = list(refs)
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO object (uri, site_id, case_id, sha256, bytes, media_type, class)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (uri) DO NOTHING",
            [(ref.uri, site_id, case_id, ref.sha256, ref.size_bytes, ref.media_type, kind) for ref in refs],
        )
    rescue(connection, [ref.uri for ref in refs])


def link(connection: Connection, site_id: str, key: str, refs: Iterable[ObjectRefMessage]) -> None:
    """Write down that the result under a key names these objects."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO result_object (site_id, key, uri) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [(site_id, key, ref.uri) for ref in refs],
        )


def rescue_result(connection: Connection, site_id: str, key: str) -> None:
    """A step uses the stored result under a key: its objects are wanted. Raises ObjectMissingError, see `rescue`."""
    rows = connection.execute("SELECT uri FROM result_object WHERE site_id = %s AND key = %s", (site_id, key))
    rescue(connection, [row["uri"] for row in rows])


def rescue(connection: Connection, uris: Collection[str]) -> None:
    """Take back that objects were to go, and count them as used now; locks them against being doomed meanwhile.

    Raises ObjectMissingError when it is too late for one of them.
    """
    connection.execute(
        "UPDATE object SET condemned_at = NULL, used_at = now() WHERE uri IN"
        " (SELECT uri FROM object WHERE uri = ANY(%s) AND doomed_at IS NULL ORDER BY uri FOR UPDATE)",
        (list(uris),),
    )
    gone = connection.execute(
        "SELECT uri FROM object WHERE uri = ANY(%s) AND doomed_at IS NOT NULL LIMIT 1", (list(uris),)
    ).fetchone()
    if gone is not None:
        raise ObjectMissingError(f"the object {gone['uri']} was deleted; nothing referred to it or its time was over")


def named_in(message: Message) -> Iterator[ObjectRefMessage]:
    """Every object reference inside a message, at any depth."""
    if isinstance(message, ObjectRefMessage):
        yield message
        return
    for field, value in message.ListFields():
        if field.cpp_type != FieldDescriptor.CPPTYPE_MESSAGE:
            continue
        for item in value if field.is_repeated else (value,):
            yield from named_in(item)
