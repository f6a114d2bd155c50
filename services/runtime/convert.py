"""Between the domain dataclasses, their protobuf mirrors and JSON: by field name, compiled once per pair of types.

The messages in ``ictogram.model.v1`` mirror `schemas` field by field (``tests/contract`` holds them to each other), so
no mapping is written by hand. Conventions:

* an enum member maps to ``<ENUM_NAME>_<MEMBER_NAME>``; ``*_UNSPECIFIED`` reads as the field's default and is refused
  where there is none; a number this version does not know is refused;
* ``X | None`` is a field with presence; an absent message without default is refused;
* in JSON, `Interval` and `Box` are arrays.
"""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Any, ParamSpec, TypeVar, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from pydantic import TypeAdapter, ValidationError

from schemas.errors import InvalidRequestError

MessageT = TypeVar("MessageT", bound=Message)
ValueT = TypeVar("ValueT")
ParametersT = ParamSpec("ParametersT")

_MISSING: Any = object()
_INTEGERS = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)
_FLOATS = frozenset({FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT})


def _cached(function: Callable[ParametersT, ValueT]) -> Callable[ParametersT, ValueT]:
    """`functools.cache` that keeps the signature (types are hashable, but not `Hashable` to mypy)."""
    return cast("Callable[ParametersT, ValueT]", cache(function))


def to_proto(value: Any, message_type: type[MessageT]) -> MessageT:
    """A message of ``message_type`` with the fields of the dataclass or named tuple ``value``."""
    message = message_type()
    _filler(type(value), message_type.DESCRIPTOR)(value, message)
    return message


def from_proto(message: Message, cls: type[ValueT]) -> ValueT:
    """A ``cls`` from a message; raises `InvalidRequestError` naming the field that is missing or unknown."""
    return cast("ValueT", _reader(cls, message.DESCRIPTOR)(message))


def to_json(value: Any) -> bytes:
    """UTF-8 JSON of a dataclass; raises ValueError for a number that JSON has not (infinity, not a number)."""
    return dump(_adapter(type(value)), value)


def dump(adapter: TypeAdapter[Any], value: Any) -> bytes:
    """JSON of a value by its adapter. Not the adapter's own writer, which makes ``null`` of infinity in silence."""
    plain = adapter.dump_python(value, mode="json")
    return json.dumps(plain, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def to_plain(value: Any) -> dict[str, Any]:
    """The same as plain dictionaries, lists, strings and numbers."""
    return cast("dict[str, Any]", _adapter(type(value)).dump_python(value, mode="json"))


def from_json(cls: type[ValueT], data: bytes | str) -> ValueT:
    """A ``cls`` from JSON.

    Raises `InvalidRequestError` naming the place and the rule, but not the value, which may name a patient.
    """
    try:
        return cast("ValueT", _adapter(cls).validate_json(data))
    except ValidationError as error:
        raise InvalidRequestError(_complaint(cls, error)) from None


def from_plain(cls: type[ValueT], data: Any) -> ValueT:
    """A ``cls`` from plain dictionaries and lists, as `from_json` does it."""
    try:
        return cast("ValueT", _adapter(cls).validate_python(data))
    except ValidationError as error:
        raise InvalidRequestError(_complaint(cls, error)) from None


def enum_prefix(name: str) -> str:
    """``CaseStatus`` -> ``CASE_STATUS_``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper() + "_"


@_cached
def _adapter(cls: Any) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def _complaint(cls: Any, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    return f"not a valid {getattr(cls, '__name__', cls)}: {place}: {first['msg']}"


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """One field of a dataclass or named tuple, taken apart."""

    name: str
    kind: Any
    """Element type: a scalar, an enum, a dataclass or a named tuple."""
    repeated: bool
    optional: bool
    default: Any
    """Default value, or `_MISSING`."""


@_cached
def shapes(cls: Any) -> tuple[Shape, ...]:
    """The fields of a dataclass or named tuple; raises TypeError for types that have no place in a message."""
    hints = typing.get_type_hints(cls)
    if dataclasses.is_dataclass(cls):
        defaults = {field.name: _field_default(field) for field in dataclasses.fields(cls)}
    elif _is_named_tuple(cls):
        defaults = {name: cls._field_defaults.get(name, _MISSING) for name in cls._fields}
    else:
        raise TypeError(f"{cls!r} is neither a dataclass nor a named tuple")
    return tuple(_shape(name, hints[name], default) for name, default in defaults.items())


def _shape(name: str, annotation: Any, default: Any) -> Shape:
    kind, repeated, optional = annotation, False, False
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        inner = [part for part in typing.get_args(kind) if part is not type(None)]
        if len(inner) != 1 or len(inner) == len(typing.get_args(kind)):
            raise TypeError(f"field {name}: only X | None is a union that a message can hold, not {annotation}")
        kind, optional = inner[0], True
    if typing.get_origin(kind) is tuple:
        arguments = typing.get_args(kind)
        if optional or len(arguments) != 2 or arguments[1] is not Ellipsis:
            raise TypeError(f"field {name}: only tuple[X, ...] is repeated in a message, not {annotation}")
        kind, repeated = arguments[0], True
    return Shape(name, kind, repeated, optional, default)


def _field_default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return _MISSING if field.default_factory is dataclasses.MISSING else field.default_factory()


def _is_named_tuple(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields")


def _is_record(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) or _is_named_tuple(kind)


def _descriptor_of(shape: Shape, owner: Any, descriptor: Descriptor) -> FieldDescriptor:
    """The message's field for a dataclass's field, checked for the same cardinality and kind."""
    field = descriptor.fields_by_name.get(shape.name)
    where = f"{owner.__name__}.{shape.name} and {descriptor.full_name}"
    if field is None:
        raise TypeError(f"{where}: the message has no such field")
    if field.is_repeated != shape.repeated:
        raise TypeError(f"{where}: one of the two is repeated, the other is not")
    if shape.optional and not field.has_presence:
        raise TypeError(f"{where}: may be None, so the message's field must be optional")
    if not _same_kind(shape.kind, field):
        raise TypeError(f"{where}: {shape.kind} does not fit the message's field type")
    return field


def _same_kind(kind: Any, field: FieldDescriptor) -> bool:
    if _is_record(kind):
        return field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return field.cpp_type == FieldDescriptor.CPPTYPE_ENUM
    expected = {
        bool: frozenset({FieldDescriptor.CPPTYPE_BOOL}),
        int: _INTEGERS,
        float: _FLOATS,
        str: frozenset({FieldDescriptor.CPPTYPE_STRING}),
        bytes: frozenset({FieldDescriptor.CPPTYPE_STRING}),
    }
    fits = field.cpp_type in expected.get(kind, frozenset())
    return fits and (kind not in (str, bytes) or (kind is bytes) == (field.type == FieldDescriptor.TYPE_BYTES))


@_cached
def _numbers(enum: type[StrEnum], descriptor: EnumDescriptor) -> dict[StrEnum, int]:
    prefix = enum_prefix(descriptor.name)
    try:
        return {member: descriptor.values_by_name[prefix + member.name].number for member in enum}
    except KeyError as missing:
        raise TypeError(f"{descriptor.full_name} has no value {missing.args[0]}") from None


# --- dataclass -> message -------------------------------------------------------------------------------------------

_Fill = Callable[[Any, Any], None]


@_cached
def _filler(cls: Any, descriptor: Any) -> _Fill:
    """Compiled writer for one pair of types: ``fill(value, message)``."""
    writers = [(shape.name, _writer(shape, _descriptor_of(shape, cls, descriptor))) for shape in shapes(cls)]

    def fill(value: Any, message: Any) -> None:
        for name, write in writers:
            write(getattr(value, name), message)

    return fill


def _writer(shape: Shape, field: FieldDescriptor) -> _Fill:
    write = _plain_writer(shape, field)
    if not shape.optional:
        return write

    def write_if_there(value: Any, message: Any) -> None:
        if value is not None:
            write(value, message)

    return write_if_there


def _plain_writer(shape: Shape, field: FieldDescriptor) -> _Fill:
    name = shape.name
    if _is_record(shape.kind):
        return _record_writer(shape, field)
    if field.enum_type is not None:
        numbers = _numbers(shape.kind, field.enum_type)
        if shape.repeated:
            return lambda value, message: getattr(message, name).extend([numbers[member] for member in value])
        return lambda value, message: setattr(message, name, numbers[value])
    if shape.repeated:
        return lambda value, message: getattr(message, name).extend(value)
    return lambda value, message: setattr(message, name, value)


def _record_writer(shape: Shape, field: FieldDescriptor) -> _Fill:
    name, kind, target = shape.name, shape.kind, field.message_type

    def write_many(value: Any, message: Any) -> None:
        fill, added = _filler(kind, target), getattr(message, name)
        for item in value:
            fill(item, added.add())

    def write_one(value: Any, message: Any) -> None:
        inner = getattr(message, name)
        inner.SetInParent()
        _filler(kind, target)(value, inner)

    return write_many if shape.repeated else write_one


# --- message -> dataclass -------------------------------------------------------------------------------------------

_Read = Callable[[Any], Any]


@_cached
def _reader(cls: Any, descriptor: Any) -> _Read:
    """Compiled reader for one pair of types: ``read(message) -> cls``."""
    readers = [_field_reader(shape, _descriptor_of(shape, cls, descriptor), descriptor) for shape in shapes(cls)]

    def read(message: Any) -> Any:
        return cls(*[read_field(message) for read_field in readers])

    keyword_only = dataclasses.is_dataclass(cls) and any(field.kw_only for field in dataclasses.fields(cls))
    if not keyword_only:
        return read
    names = [shape.name for shape in shapes(cls)]
    return lambda message: cls(**{name: reader(message) for name, reader in zip(names, readers, strict=True)})


def _field_reader(shape: Shape, field: FieldDescriptor, owner: Descriptor) -> _Read:
    name = shape.name
    where = f"{owner.name}.{name}"
    convert: _Read
    if field.enum_type is not None:
        convert = _enum_reader(shape, field.enum_type, where)
    elif _is_record(shape.kind):
        kind, target = shape.kind, field.message_type
        convert = _reader(kind, target)
    elif shape.repeated:
        return lambda message: tuple(getattr(message, name))
    elif shape.optional:
        return lambda message: getattr(message, name) if message.HasField(name) else None
    else:
        return lambda message: getattr(message, name)

    if shape.repeated:
        return lambda message: tuple([convert(item) for item in getattr(message, name)])
    if not field.has_presence:
        return lambda message: convert(getattr(message, name))
    absent = None if shape.optional else shape.default

    def read_present(message: Any) -> Any:
        if message.HasField(name):
            return convert(getattr(message, name))
        if absent is _MISSING:
            raise InvalidRequestError(f"{where} is missing; it must be given")
        return absent

    return read_present


def _enum_reader(shape: Shape, descriptor: EnumDescriptor, where: str) -> _Read:
    members: dict[int, Any] = {number: member for member, number in _numbers(shape.kind, descriptor).items()}
    default = None if shape.optional else shape.default
    if not shape.repeated and default is not _MISSING:
        members.setdefault(0, default)

    def convert(number: int) -> Any:
        try:
            return members[number]
        except KeyError:
            known = ", ".join(value.name for value in descriptor.values if value.number in members)
            raise InvalidRequestError(f"{where} is {number}; it must be one of {known}") from None

    return convert


def message_class(descriptor: Any) -> type[Message]:
    """The generated class of a message type."""
    return GetMessageClass(descriptor)


@_cached
def result_adapter(function: Callable[..., Any]) -> TypeAdapter[Any]:
    """JSON codec of what a function says that it returns; raises TypeError if it does not say."""
    hints = typing.get_type_hints(function)
    if "return" not in hints:
        raise TypeError(f"{function.__qualname__} must say what it returns; its result travels by that type")
    return _adapter(hints["return"])
