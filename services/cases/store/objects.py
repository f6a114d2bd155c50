"""Which stored objects belong to which case."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from ictogram.model.v1.recording_pb2 import ObjectRef as ObjectRefMessage

from schemas.recording import ObjectRef
from services.cases.store.database import Connection


def remember(
    connection: Connection,
    site_id: str,
    case_id: str,
    kind: str,
    refs: Iterable[ObjectRef | ObjectRefMessage],
) -> None:
    """Write down objects that rows of a case name; ``kind`` is source, derived or report."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO object (uri, site_id, case_id, sha256, bytes, media_type, class)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (uri) DO NOTHING",
            [(ref.uri, site_id, case_id, ref.sha256, ref.size_bytes, ref.media_type, kind) for ref in refs],
        )


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
