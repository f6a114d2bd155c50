"""A model server over real HTTP that answers as vLLM does, and whose model is simple: bright pictures, or loud sound,
mean yes."""

from __future__ import annotations

import base64
import io
import json
import math
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import cv2
import numpy as np

Model = Callable[[float, str], tuple[float, float]]
"""Mean brightness (0-1) of the pictures, and the question → probabilities of yes and of no as the first token."""
TOKENS_PER_PICTURE = 6


def bright(scale: float = 1.0, mass: float = 0.95) -> Model:
    """Says yes as far as it is bright."""
    return lambda level, _: (mass * level * scale, mass * (1 - level * scale))


@dataclass
class Desk:
    """What the server knows, what was asked, and what goes wrong next."""

    models: dict[str, Model]
    key: str = ""
    context_tokens: int = 10_000
    explanation: str = '{"reason": "It is bright.", "onset_s": 0.5, "offset_s": 1.5}'
    gives_logprobs: bool = True
    delay_s: float = 0.0
    faults: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Statuses with headers that are given before anything is answered."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    cached: set[tuple[str, str]] = field(default_factory=set)
    in_flight: int = 0
    most_in_flight: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def answer(self, request: dict[str, Any], authorization: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        with self.lock:
            self.requests.append(request)
            if self.faults:
                status, headers = self.faults.pop(0)
                return status, headers, {"error": {"message": "not now", "code": status}}
        if self.key and authorization != f"Bearer {self.key}":
            return 401, {}, {"error": "Unauthorized"}
        model = self.models.get(request["model"])
        if model is None:
            return 404, {}, {"error": {"message": f"The model `{request['model']}` does not exist.", "code": 404}}
        parts = request["messages"][-1]["content"]
        pictures = [part for part in parts if part["type"] in {"image_url", "input_audio"}]
        tokens = TOKENS_PER_PICTURE * len(pictures) + len(parts[-1]["text"].split())
        if tokens + request["max_tokens"] > self.context_tokens:
            most = self.context_tokens
            text = f"The decoder prompt (length {tokens}) is longer than the maximum model length of {most}."
            return 400, {}, {"error": {"message": text, "type": "BadRequestError", "code": 400}}
        return 200, {}, self._completion(request, model, pictures, tokens)

    def _completion(
        self, request: dict[str, Any], model: Model, pictures: list[dict[str, Any]], tokens: int
    ) -> dict[str, Any]:
        prefix = request["model"], "".join(part.get("uuid", "") for part in pictures)
        with self.lock:
            cached = TOKENS_PER_PICTURE * len(pictures) if prefix in self.cached else 0
            self.cached.add(prefix)
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        written = 1
        if "response_format" in request:
            choice["message"] = {"role": "assistant", "content": self.explanation}
            written = len(self.explanation.split())
        else:
            yes, no = model(float(np.mean([_level(part) for part in pictures])), _question(request))
            choice["message"] = {"role": "assistant", "content": "yes" if yes > no else "no"}
            if self.gives_logprobs:
                top = [("yes", 0.7 * yes), (" Yes", 0.3 * yes), ("No", no), ("the", 1 - yes - no)]
                shown = [{"token": token, "logprob": math.log(p)} for token, p in top if p > 0]
                choice["logprobs"] = {"content": [{**shown[0], "top_logprobs": shown}]}
        usage = {
            "prompt_tokens": tokens,
            "completion_tokens": written,
            "prompt_tokens_details": {"cached_tokens": cached},
        }
        return {"id": "x", "choices": [choice], "usage": usage}


def _question(request: dict[str, Any]) -> str:
    return str(request["messages"][-1]["content"][-1]["text"])


def _level(part: dict[str, Any]) -> float:
    """0-1: how bright a picture or how loud a sound is."""
    if part["type"] == "input_audio":
        with wave.open(io.BytesIO(base64.b64decode(part["input_audio"]["data"]))) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
        return min(1.0, 10 * float(np.abs(samples).mean()))
    data = base64.b64decode(part["image_url"]["url"].partition("base64,")[2])
    return float(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE).mean()) / 255


@contextmanager
def serving(desk: Desk, port: int = 0) -> Iterator[Desk]:
    """The server on this port (0: a free one), until the block ends."""

    killed = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            if killed.is_set():  # connections that were kept die with the server
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers["content-length"]))
            with desk.lock:
                desk.in_flight += 1
                desk.most_in_flight = max(desk.most_in_flight, desk.in_flight)
            time.sleep(desk.delay_s)
            status, headers, answer = desk.answer(json.loads(body), self.headers.get("authorization", ""))
            with desk.lock:
                desk.in_flight -= 1
            data = json.dumps(answer).encode()
            try:
                self.send_response(status)
                for name, value in {**headers, "content-type": "application/json"}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the caller had given up

        def log_message(self, *args: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    desk.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield desk
    finally:
        killed.set()
        server.shutdown()
        server.server_close()
        thread.join()
