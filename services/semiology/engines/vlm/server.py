"""A model behind an OpenAI-compatible server (made for vLLM): base and adapters by name, first-token logprobs."""

from __future__ import annotations

import base64
import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
from pydantic import SecretStr

from schemas.errors import (
    IctogramError,
    InvalidRequestError,
    ResourceLimitError,
    TimeoutExceededError,
    UnavailableError,
)
from schemas.model_card import ModelCard
from services.runtime import logs
from services.semiology.engines.vlm.pictures import MEDIA_TYPE, Clip, Picture
from services.semiology.engines.vlm.prompts import EXPLANATION_SCHEMA, SYSTEM, ask_text, explain_text
from services.semiology.engines.vlm.reader import (
    TOP,
    Explanation,
    LabelScore,
    Usage,
    explanation_in,
    label_score,
)

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 15.0
"""Waits double from the first to the longest, each shortened by chance so that clients do not come back together."""
CONNECT_S = 5.0
BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same question may well be answered: full, starting, restarting, a lost worker."""
_OVERFLOW = re.compile(r"context length|max_model_len|model length|too long|max_tokens|exceeds? .*token", re.IGNORECASE)
_NUMBER = re.compile(r"\b\d{2,9}\b")

log = logs.get(__name__)


MessagePart = dict[str, Any]
"""A picture, sound or text in a message, as OpenAI-compatible servers take it."""


class ServerSettings(Protocol):
    """What has to be known of a model server."""

    @property
    def url(self) -> str: ...
    @property
    def api_key(self) -> SecretStr: ...
    @property
    def concurrency(self) -> int: ...
    @property
    def clips_at_once(self) -> int: ...
    @property
    def timeout_s(self) -> float: ...
    @property
    def patience_s(self) -> float: ...
    @property
    def explain_tokens(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """One finished call."""

    body: dict[str, Any]
    retries: int

    def usage(self, *, scored: int = 0, explained: int = 0) -> Usage:
        """Tokens as the server counted them; cached ones only where it tells (vLLM: --enable-prompt-tokens-details)."""
        counted = self.body.get("usage") or {}
        details = counted.get("prompt_tokens_details") or {}
        return Usage(
            scored,
            explained,
            int(counted.get("prompt_tokens") or 0),
            int(details.get("cached_tokens") or 0),
            int(counted.get("completion_tokens") or 0),
            self.retries,
        )


class ServerReader:
    """Asks a model server; a busy or absent one is waited for, a wrong one is not."""

    def __init__(
        self,
        settings: ServerSettings,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        key = settings.api_key.get_secret_value()
        self._settings = settings
        self._client = httpx.Client(
            base_url=settings.url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(settings.timeout_s, connect=CONNECT_S, pool=None),
            limits=httpx.Limits(max_connections=settings.concurrency),
            transport=transport,
        )
        self._sleep = sleep
        self._slots = threading.BoundedSemaphore(settings.concurrency)
        self._pool = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="vlm")
        self._lock = threading.Lock()
        self._usage = Usage()

    @property
    def clips_at_once(self) -> int:
        """Clips asked about at the same time."""
        return self._settings.clips_at_once

    @property
    def usage(self) -> Usage:
        """What was spent so far."""
        with self._lock:
            return self._usage

    def close(self) -> None:
        """Ends connections and threads."""
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    def score(self, clip: Clip, questions: Sequence[str], card: ModelCard) -> list[LabelScore]:
        """One score per question. The first pays for the pictures; the others follow at once and find them cached.

        Raises `UnavailableError` (`TimeoutExceededError`) when the server stayed away for `patience_s`,
        `ResourceLimitError` when the prompt does not fit, `InvalidRequestError` for an unknown model or a wrong key.
        """
        texts = [ask_text(clip, question) for question in questions]
        return self.score_parts(SYSTEM, media_parts(clip.pictures), texts, card)

    def explain(self, clip: Clip, question: str, card: ModelCard) -> Explanation | None:
        """Reason and time span; the server holds what is written to the schema. Raises as `score` does."""
        return self.explain_parts(SYSTEM, media_parts(clip.pictures), explain_text(clip, question), card)

    def score_parts(
        self, system: str, media: Sequence[MessagePart], texts: Sequence[str], card: ModelCard
    ) -> list[LabelScore]:
        """One score per text that follows the same media of any kind. Raises as `score` does."""
        if not texts:
            return []

        def ask(text: str) -> LabelScore:
            return self._score(system, media, text, card)

        first = ask(texts[0])
        return [first, *self._pool.map(ask, texts[1:])]

    def explain_parts(
        self, system: str, media: Sequence[MessagePart], text: str, card: ModelCard
    ) -> Explanation | None:
        """`explain` for media of any kind."""
        asked = self._ask(
            {
                **_request(system, card, media, text),
                "max_tokens": self._settings.explain_tokens,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "explanation", "schema": EXPLANATION_SCHEMA, "strict": True},
                },
            }
        )
        self._count(asked.usage(explained=1))
        return explanation_in(str(_choice(asked.body).get("message", {}).get("content") or ""))

    def _score(self, system: str, media: Sequence[MessagePart], text: str, card: ModelCard) -> LabelScore:
        request = _request(system, card, media, text)
        asked = self._ask({**request, "max_tokens": 1, "logprobs": True, "top_logprobs": TOP})
        used = asked.usage(scored=1)
        self._count(used)
        yes, mass = label_score(_first_tokens(asked.body), card)
        return LabelScore(yes, mass, used.prompt_tokens, used.cached_tokens, used.generated_tokens)

    def _count(self, used: Usage) -> None:
        with self._lock:
            self._usage = self._usage.plus(used)

    def _ask(self, request: dict[str, Any]) -> _Asked:
        """Posts until it is answered, refused for good, or `patience_s` of waiting are used up."""
        waited, retries = 0.0, 0
        while True:
            with self._slots:
                began = time.monotonic()
                answer = self._post(request)
                waited += time.monotonic() - began
            if isinstance(answer, dict):
                return _Asked(answer, retries)
            problem, asked_wait_s = answer
            wait_s = asked_wait_s if asked_wait_s is not None else _wait_s(retries)
            if waited + wait_s > self._settings.patience_s:
                raise problem
            if retries in {0, 5}:
                log.warning("the model server is waited for", error=problem.message, retries=retries)
            self._sleep(wait_s)
            waited, retries = waited + wait_s, retries + 1

    def _post(self, request: dict[str, Any]) -> dict[str, Any] | tuple[IctogramError, float | None]:
        """The answer, or why there is none yet with the wait that the server asks for; raises when there never will."""
        try:
            response = self._client.post("chat/completions", json=request)
        except httpx.TimeoutException:
            text = f"The model server did not answer within {self._settings.timeout_s:g} s (the setting …TIMEOUT_S)."
            return TimeoutExceededError(text), None
        except httpx.TransportError as error:
            return UnavailableError(f"The model server cannot be reached ({type(error).__name__})."), None
        if response.status_code in BUSY:
            busy = UnavailableError(f"The model server is busy or failing (status {response.status_code}).")
            return busy, _retry_after(response)
        if response.status_code != httpx.codes.OK:
            raise _refusal(response, str(request["model"]))
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return UnavailableError("The model server answered with something that is no JSON object."), None
        return body


def media_parts(pictures: Sequence[Picture]) -> list[MessagePart]:
    """Pictures as message parts, in order, each under the hash of its content."""
    return [
        {
            "type": "image_url",
            "image_url": {"url": f"data:{MEDIA_TYPE};base64,{base64.b64encode(picture.jpeg).decode()}"},
            "uuid": picture.uuid,
        }
        for picture in pictures
    ]


def _request(system: str, card: ModelCard, media: Sequence[MessagePart], text: str) -> dict[str, Any]:
    return {
        "model": card.served_name,
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": [*media, {"type": "text", "text": text}]},
        ],
        "temperature": 0,
    }


def _choice(body: dict[str, Any]) -> dict[str, Any]:
    choices = body.get("choices") or [{}]
    return choices[0] if isinstance(choices[0], dict) else {}


def _first_tokens(body: dict[str, Any]) -> list[tuple[str, float]]:
    """The first token's most probable alternatives; raises `InvalidRequestError` when the server gives none."""
    content = (_choice(body).get("logprobs") or {}).get("content") or []
    if not content or not content[0].get("top_logprobs"):
        raise InvalidRequestError("The model server gives no logprobs; a score needs them (vLLM does, many do not).")
    return [(str(one["token"]), float(one["logprob"])) for one in content[0]["top_logprobs"]]


def _wait_s(retries: int) -> float:
    full_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * float(2 ** min(retries, 10)))
    return full_s * random.uniform(0.5, 1.0)


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "")
    return min(LONGEST_WAIT_S, float(value)) if value.isdigit() else None


def _refusal(response: httpx.Response, model: str) -> IctogramError:
    """What a status that stays the same means, in a sentence; the server's own words may repeat what was sent."""
    status = response.status_code
    if status == httpx.codes.NOT_FOUND:
        return InvalidRequestError(
            f"The model server does not serve {model!r} (status 404): it must be started with the weights that the "
            f"card describes under that name, and ICTOGRAM_VLM_URL must end in /v1."
        )
    if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
        return InvalidRequestError(f"The model server refuses the key (status {status}); see ICTOGRAM_VLM_API_KEY.")
    if status in {httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE} and _OVERFLOW.search(response.text):
        numbers = ", ".join(_NUMBER.findall(response.text)[:2])
        return ResourceLimitError(
            f"A window of {model!r} needs more tokens than the model server takes (it names {numbers or 'no number'}); "
            f"raise its --max-model-len or show smaller or fewer pictures."
        )
    return InvalidRequestError(f"The model server refuses a question to {model!r} (status {status}).")
