"""What the outermost structure of a file says about its own length, read without any decoder.

A file cut off in the middle still decodes up to the cut, so that only its structure tells. Layouts: ISO/IEC 14496-12
(boxes), RFC 8794 (EBML) with RFC 9559 (Matroska), and the RIFF/AVI layout with its OpenDML chunks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"moof"}
_MAX_PARTS = 1_000_000
_HEAD_BYTES = 1 << 16


def missing_bytes(path: Path) -> int:
    """How many bytes the file lacks by its own account; 0 when it is whole or its format does not tell."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        file.seek(0)
        if head[:4] == b"RIFF":
            end = _riff_end(file, size)
        elif head[:4] == _EBML:
            end = _matroska_end(file)
        elif head[4:8] in _BOXES:
            end = _boxes_end(file, size)
        else:
            end = 0
    return max(0, end - size)


def stated_length_s(path: Path) -> float | None:
    """Playing time that an MP4 or QuickTime movie header states, seconds; none for other formats or where it is 0.

    FFmpeg derives the length from the samples and passes over a header that says otherwise; this is the header's word.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(8)[4:] not in _BOXES:
            return None
        movie = next((box for box in _boxes(file, 0, size) if box[0] == b"moov"), None)
        header = movie and next((box for box in _boxes(file, movie[1], min(movie[2], size)) if box[0] == b"mvhd"), None)
        if not header:
            return None
        file.seek(header[1])
        body = file.read(32)
    if len(body) < 32:
        return None
    scale, length = struct.unpack(">IQ", body[20:32]) if body[0] == 1 else struct.unpack(">II", body[12:20])
    unknown = length in (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
    return None if unknown or not scale else float(length / scale)


def lacks_rate(path: Path) -> bool:
    """An AVI file whose video header states no frame rate: its pictures have no time, and any rate would be a guess."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    at = head.find(b"strh") + 8
    if head[:4] != b"RIFF" or head[8:12] != b"AVI " or at < 8:
        return False
    while head[at : at + 4] != b"vids":
        at = head.find(b"strh", at) + 8
        if at < 8 or len(head) < at + 28:
            return False
    scale, rate = struct.unpack("<II", head[at + 20 : at + 28])
    return not scale or not rate


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, start of the content and stated end of each box from `start` on."""
    position = start
    for _ in range(_MAX_PARTS):
        if position >= end:
            return
        file.seek(position)
        head = file.read(16)
        if len(head) < 8:
            yield b"", position, position + 8
            return
        name, content = head[4:8], position + 8
        length = int(struct.unpack(">I", head[:4])[0])
        if length == 1 and len(head) == 16:
            length, content = int(struct.unpack(">Q", head[8:16])[0]), position + 16
        elif length == 0:
            length = end - position
        if length < 8 or not name.isascii():
            return
        position += length
        yield name, content, position


def _boxes_end(file: BinaryIO, size: int) -> int:
    return max((box[2] for box in _boxes(file, 0, size)), default=0)


def _riff_end(file: BinaryIO, size: int) -> int:
    position = 0
    while position < size:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8 or head[:4] != b"RIFF":
            break
        length = int(struct.unpack("<I", head[4:8])[0])
        if length in (0, 0xFFFFFFFF):
            break
        position += 8 + length + (length & 1)
    return position - 1 if position == size + 1 else position


def _matroska_end(file: BinaryIO) -> int:
    """End of the EBML header and of the segment after it; 0 when the segment is of unknown (live) size."""
    for _ in range(8):
        name = file.read(4)
        length, known = _ebml_size(file)
        if len(name) < 4 or not known:
            return 0
        end = file.tell() + length
        if name == _SEGMENT:
            return end
        file.seek(end)
    return 0


def _ebml_size(file: BinaryIO) -> tuple[int, bool]:
    first = file.read(1)
    if not first or not first[0]:
        return 0, False
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    bits = 7 * width
    value = int.from_bytes(first + rest, "big") & ((1 << bits) - 1)
    return value, len(rest) == width - 1 and value != (1 << bits) - 1
