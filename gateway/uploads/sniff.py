"""A first look at a file's opening bytes: is this a video container at all?

Only the signature is read here; whether it decodes is found out by intake, in a confined process. Signatures are taken
from the formats' own definitions: ISO/IEC 14496-12 (ISO base media), RFC 8794 and 9559 (EBML, Matroska), Microsoft's
RIFF/AVI and ASF descriptions, ISO/IEC 13818-1 (MPEG program and transport streams), RFC 3533 (Ogg), and Adobe's FLV.
"""

from __future__ import annotations

from schemas.errors import InvalidRequestError, UnsupportedMediaError

HEAD_BYTES = 1024
"""How much of a file's beginning `sniff` wants to see."""

_ISO_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"})
_EBML = b"\x1a\x45\xdf\xa3"
_PREFIXES = (
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "video/x-ms-wmv"),
    (b"\x00\x00\x01\xba", "video/mpeg"),
    (b"\x00\x00\x01\xb3", "video/mpeg"),
    (b"FLV\x01", "video/x-flv"),
    (b"OggS", "video/ogg"),
)
_TS_PACKET = 188
_M2TS_PACKET = 192
_TS_SYNC = 0x47
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"%PDF", b"PK\x03\x04", b"MZ", b"\x7fELF", b"ID3", b"fLaC")


def sniff(head: bytes) -> str:
    """Media type by signature.

    Raises `InvalidRequestError` for an empty file and `UnsupportedMediaError` for anything that is no video container.
    """
    if not head:
        raise InvalidRequestError("The file is empty: it has 0 bytes.")
    media_type = _iso_media(head) or _by_prefix(head) or _transport_stream(head)
    if media_type is None:
        raise UnsupportedMediaError(
            f"The file is not a video: it looks like {_what(head)}, not like MP4, MOV, MKV, WebM, AVI, WMV or MPEG."
        )
    return media_type


def _iso_media(head: bytes) -> str | None:
    if head[4:8] not in _ISO_BOXES:
        return None
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand == b"qt  ":
            return "video/quicktime"
        if brand in {b"heic", b"heix", b"mif1", b"avif", b"M4A ", b"M4B "}:
            return None  # pictures and audio in the same box format
        return "video/3gpp" if brand.startswith(b"3g") else "video/mp4"
    return "video/quicktime"


def _by_prefix(head: bytes) -> str | None:
    if head.startswith(_EBML):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "video/x-msvideo"
    return next((media_type for prefix, media_type in _PREFIXES if head.startswith(prefix)), None)


def _transport_stream(head: bytes) -> str | None:
    """Transport streams have a sync byte at the start of each packet; camera files put four bytes of time before it."""
    for start, packet in ((0, _TS_PACKET), (4, _M2TS_PACKET)):
        if len(head) > start + 2 * packet and all(head[start + n * packet] == _TS_SYNC for n in range(3)):
            return "video/mp2t"
    return None


def _what(head: bytes) -> str:
    if head[4:8] == b"ftyp" or head.startswith(_PICTURES):
        return "a picture, a document, audio or a program"
    if head.startswith(b"RIFF"):
        return "audio or a picture in a RIFF file"
    whole = head if len(head) < HEAD_BYTES else head[:-4]  # the last character may be cut in two
    try:
        text = whole.decode("utf-8")
    except UnicodeDecodeError:
        return "an unknown kind of file"
    return "text" if all(char.isprintable() or char.isspace() for char in text) else "an unknown kind of file"
