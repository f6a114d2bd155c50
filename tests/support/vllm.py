"""A real vLLM on the processor, serving the tiny model and its adapters."""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from schemas.model_card import ModelRole
from services.runtime.weights import load_card
from tests.support.counterparts import CACHE, Counterpart, needed
from tests.support.stores import free_port

PROGRAM = CACHE / "vllm-0.32.0" / "bin" / "vllm"
START_S = 1200.0
"""It imports for a minute on an idle machine, and for many on a busy one."""
LONGEST_TOKENS = 6144
"""Tokens of prompt and answer."""
BLOCK_TOKENS = 32
"""Prefixes are kept in whole blocks."""
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # it would tie itself to one core, however busy that is
    "OMP_NUM_THREADS": "2",
}


@contextlib.contextmanager
def running_vllm(base: Path, adapters: Sequence[Path]) -> Iterator[Counterpart]:
    """vLLM with a base and adapters, each under its card's served name; killed and started again through the result."""
    needed(PROGRAM, "vLLM")
    with tempfile.TemporaryDirectory(prefix="ictogram-vllm-", ignore_cleanup_errors=True) as name:
        port = free_port()
        server = Counterpart(
            _argv(base, adapters, port), ENVIRONMENT, port, Path(name) / "log", lambda: _is_ready(port), START_S
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


def metric(port: int, name: str) -> float:
    """Sum of one of the server's counters over its labels."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text
    found = re.findall(rf"^vllm:{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    assert found, f"the server has no counter {name}"
    return sum(float(value) for value in found)


def _argv(base: Path, adapters: Sequence[Path], port: int) -> list[str]:
    named = {load_card(folder, ModelRole.ADAPTER).served_name: folder for folder in adapters}
    return [
        *("nice", "-n", "5", str(PROGRAM), "serve", str(base)),
        *("--served-model-name", load_card(base, ModelRole.VLM).served_name),
        *("--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager"),
        *("--block-size", str(BLOCK_TOKENS)),
        *("--max-model-len", str(LONGEST_TOKENS), "--enable-prompt-tokens-details"),
        *("--limit-mm-per-prompt", json.dumps({"image": 64, "video": 0}), "--skip-mm-profiling"),
        *("--enable-lora", "--max-loras", "2", "--max-lora-rank", "8", "--lora-modules"),
        *(f"{name}={folder}" for name, folder in named.items()),
    ]


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@dataclass
class Gate:
    """Stands before a model server and answers in its place as long as there are faults left."""

    url: str
    faults: list[int] = field(default_factory=list)
    """Statuses given before anything is passed on."""
    passed: int = 0
    """Requests passed on."""


@contextlib.contextmanager
def gate_before(port: int) -> Iterator[Gate]:
    """A gate in front of a server on this machine."""
    gate = Gate("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if gate.faults:
                status, content = gate.faults.pop(0), b'{"error": {"message": "not now"}}'
            else:
                gate.passed += 1
                answer = httpx.post(
                    f"http://127.0.0.1:{port}{self.path}", content=body, timeout=600,
                    headers={"content-type": "application/json"},
                )  # fmt: skip
                status, content = answer.status_code, answer.content
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        gate.url = f"http://127.0.0.1:{listening.server_address[1]}/v1"
        try:
            yield gate
        finally:
            listening.shutdown()
