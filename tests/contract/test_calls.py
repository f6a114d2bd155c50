"""What the contracts promise about calls, held against the generated descriptors."""

from __future__ import annotations

import importlib
import json

import pytest

from services.runtime import channel
from services.runtime.settings import AddressSettings

SERVICES = {
    name: importlib.import_module(f"ictogram.{name}.v1.{name}_pb2").DESCRIPTOR.services_by_name[
        f"{name.capitalize()}Service"
    ]
    for name in AddressSettings.model_fields
}
READING = ("Get", "List")


def test_only_unary_reading_methods_are_repeated() -> None:
    expected = {
        service.full_name: tuple(
            method.name for method in service.methods if method.name.startswith(READING) and not method.server_streaming
        )
        for service in SERVICES.values()
    }
    assert expected == channel.READING_METHODS


def test_the_service_config_repeats_on_unavailable_only() -> None:
    config = json.loads(channel.service_config())
    (rule,) = config["methodConfig"]
    assert rule["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
    assert {entry["service"] for entry in rule["name"]} == {service.full_name for service in SERVICES.values()}
    assert all(entry["method"].startswith(READING) for entry in rule["name"])


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_every_mutation_carries_a_request_id_or_a_lease(service: object) -> None:
    for method in service.methods:  # type: ignore[attr-defined]
        if method.name.startswith((*READING, "Watch")):
            continue
        fields = method.input_type.fields_by_name
        work = fields.get("context")
        named = {"request_id", "lease_token", "delivery_id"} & set(fields)
        in_context = work is not None and "request_id" in work.message_type.fields_by_name
        assert named or in_context, f"{method.full_name} can be repeated by accident"


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_long_calls_stream_progress_then_result(service: object) -> None:
    for method in service.methods:  # type: ignore[attr-defined]
        if not method.server_streaming or method.name.startswith("Watch"):
            continue
        (event,) = method.output_type.oneofs
        assert [field.name for field in event.fields] == ["progress", "result"]
