"""What was said in a recording, word by word with times, in one JSON file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from schemas.engine import EngineInfo
from schemas.errors import InvalidRequestError

FORMAT = "ictogram-transcript-1"
MEDIA_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Word:
    """One word."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    text: str
    """As written, without spaces around it."""
    start_s: float
    """Begin, seconds from the recording's first frame."""
    end_s: float
    """End; not before the begin."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """All that was heard as words. A machine's hearing: it may invent words in noise and silence."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    engine: EngineInfo
    """Who listened."""
    words: tuple[Word, ...]
    """In time order, whoever said them."""
    language: str = ""
    """ISO 639-1 code that the engine was told to hear; empty: it chose by itself."""
    format: str = FORMAT
    """Version of this form."""

    def save(self, path: Path) -> None:
        """Write the file. Raises OSError."""
        path.write_bytes(TypeAdapter(Transcript).dump_json(self))

    @classmethod
    def load(cls, path: Path) -> Transcript:
        """Read what `save` wrote. Raises `InvalidRequestError` for any other file."""
        try:
            transcript = TypeAdapter(Transcript).validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise InvalidRequestError(f"The file is no transcript: {place}: {first['msg']}.") from None
        if transcript.format != FORMAT:
            raise InvalidRequestError(f"The transcript says {transcript.format!r}; this version reads {FORMAT!r}.")
        return transcript
