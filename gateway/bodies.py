"""JSON bodies: bounded, checked by a model, and described in the OpenAPI document.

The framework would read a body of any length into memory before it looks at it; here it is cut off.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from gateway.problems import HttpError
from schemas.errors import UnsupportedMediaError

MAX_BYTES = 1024**2
"""Longest JSON body taken."""

ModelT = TypeVar("ModelT", bound=BaseModel)


async def small_body(request: Request) -> bytes:
    """The body, if it is not too long. Raises `HttpError` 413."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise HttpError(413, "too-large", f"The JSON may have at most {MAX_BYTES} bytes.")
    return bytes(body)


def parse(model: type[ModelT], body: bytes) -> ModelT:
    """The body as a model. Raises `RequestValidationError` that quotes no value."""
    try:
        return model.model_validate_json(body)
    except ValidationError as exc:
        raise RequestValidationError(
            exc.errors(include_input=False, include_context=False, include_url=False)
        ) from None


def body_of(model: type[ModelT]) -> Callable[[Request], Awaitable[ModelT]]:
    """A dependency that gives a route its JSON body."""

    async def read(request: Request) -> ModelT:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise UnsupportedMediaError("Content-Type must be application/json.")
        return parse(model, await small_body(request))

    return read


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The model's JSON Schema, every definition in its place: in an OpenAPI document ``#/$defs`` leads nowhere."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def in_place(value: Any) -> Any:
        if isinstance(value, list):
            return [in_place(item) for item in value]
        if not isinstance(value, dict):
            return value
        rest = {name: in_place(item) for name, item in value.items() if name != "$ref"}
        named = definitions[value["$ref"].rpartition("/")[2]] if "$ref" in value else {}
        return {**in_place(named), **rest} if named else rest

    placed: dict[str, Any] = in_place(schema)
    return placed


def described(model: type[BaseModel]) -> dict[str, Any]:
    """What says in the OpenAPI document that a route takes this body."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema_of(model)}}}}
