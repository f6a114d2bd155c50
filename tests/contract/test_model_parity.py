"""The dataclasses in `schemas` and the messages in ictogram.model.v1 say the same, field by field."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from enum import StrEnum
from types import ModuleType
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor

from services.runtime import convert

MODULES = ("case", "engine", "recording", "report", "segmentation", "semiology")


def schema_types(module: ModuleType) -> dict[str, Any]:
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }


def pairs() -> list[tuple[str, ModuleType, Any]]:
    return [
        (name, importlib.import_module(f"schemas.{name}"), importlib.import_module(f"ictogram.model.v1.{name}_pb2"))
        for name in MODULES
    ]


RECORDS = [
    pytest.param(cls, proto.DESCRIPTOR.message_types_by_name.get(name), id=name)
    for _, module, proto in pairs()
    for name, cls in schema_types(module).items()
    if dataclasses.is_dataclass(cls) or hasattr(cls, "_fields")
]
ENUMS = [
    pytest.param(cls, proto.DESCRIPTOR.enum_types_by_name.get(name), id=name)
    for _, module, proto in pairs()
    for name, cls in schema_types(module).items()
    if issubclass(cls, StrEnum)
]


@pytest.mark.parametrize(("module", "schema", "proto"), pairs(), ids=MODULES)
def test_the_two_hold_the_same_types(module: str, schema: ModuleType, proto: Any) -> None:
    declared = set(proto.DESCRIPTOR.message_types_by_name) | set(proto.DESCRIPTOR.enum_types_by_name)
    assert set(schema_types(schema)) == declared


@pytest.mark.parametrize(("cls", "message"), RECORDS)
def test_fields_agree_in_name_and_order(cls: Any, message: Any) -> None:
    assert [shape.name for shape in convert.shapes(cls)] == [field.name for field in message.fields]


@pytest.mark.parametrize(("cls", "message"), RECORDS)
def test_fields_agree_in_type_and_cardinality(cls: Any, message: Any) -> None:
    convert._filler(cls, message)  # compiling refuses what does not fit
    convert._reader(cls, message)
    for shape, field in zip(convert.shapes(cls), message.fields, strict=True):
        if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            assert shape.kind.__name__ == field.message_type.name
        else:
            assert shape.optional == field.has_presence, f"{field.name}: optional in one of the two only"


@pytest.mark.parametrize(("cls", "enum"), ENUMS)
def test_enums_agree_in_their_members(cls: type[StrEnum], enum: Any) -> None:
    prefix = convert.enum_prefix(cls.__name__)
    expected = {prefix + member.name for member in cls} | {prefix + "UNSPECIFIED"}
    assert {value.name for value in enum.values} == expected
    assert enum.values_by_number[0].name == prefix + "UNSPECIFIED"


def test_there_is_something_to_compare() -> None:
    assert len(RECORDS) > 40
    assert len(ENUMS) >= 20
