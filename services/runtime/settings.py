"""Settings: one documented field per knob, read from ``ICTOGRAM_*`` variables, refused when unknown.

Every settings class of the house derives from `Settings`, which registers it. The launcher can therefore check the
environment over all classes (`check_environment`) and write the table in ``docs/operations.md`` (`markdown_table`).

Where ports live: `AddressSettings` names the address under which each service is *reached*. A service also *listens*
there, unless ``ICTOGRAM_LISTEN`` gives its process another address (in a container usually ``[::]:50051``).
"""

from __future__ import annotations

import difflib
import json
import os
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.errors import InvalidRequestError

VARIABLE_PREFIX = "ICTOGRAM_"


class Settings(BaseSettings):
    """Base of all settings: frozen, environment only, unknown names refused, every field described."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=VARIABLE_PREFIX, env_ignore_empty=True, hide_input_in_errors=True
    )
    registered: ClassVar[list[type[Settings]]] = []

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        undescribed = [name for name, field in cls.model_fields.items() if not field.description]
        if undescribed:
            raise TypeError(f"{cls.__name__} has settings without a description: {', '.join(undescribed)}")
        Settings.registered.append(cls)

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read from the environment; raises `InvalidRequestError` with one sentence per wrong value."""
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise InvalidRequestError("; ".join(_sentences(cls, error))) from None

    @classmethod
    def variable(cls, field: str) -> str:
        """Name of the environment variable of a field."""
        return f"{cls.model_config.get('env_prefix', '')}{field}".upper()


class RuntimeSettings(Settings):
    """What every process reads, whatever it does."""

    object_store: str = Field(
        "file:///var/lib/ictogram/objects", description="Root of the object store: a file:// or s3:// address."
    )
    object_verify: Literal["sha256", "size"] = Field(
        "sha256", description="How a stored object is checked before it is read: its digest, or only its length."
    )
    scratch_dir: str = Field("", description="Folder for temporary files; empty: the system's own.")
    listen: str = Field("", description="host:port on which this process listens; empty: the address it is reached by.")
    health_listen: str = Field(
        "", description="host:port of a second, plain-text server that answers health checks only; empty: none."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe line logged.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: readable on a terminal, JSON lines otherwise."
    )
    otlp_endpoint: str = Field(
        "", description="Base address of an OTLP/HTTP receiver, such as http://collector:4318; empty: export nothing."
    )
    trace_ratio: float = Field(1.0, ge=0, le=1, description="Share of new traces that are recorded.")
    metrics_interval_s: float = Field(30.0, gt=0, description="Seconds between two exports of metrics.")
    max_message_bytes: int = Field(16 * 2**20, gt=0, description="Largest gRPC message sent or taken.")
    keepalive_s: float = Field(10.0, ge=5, description="Seconds of quiet after which a connection is probed.")
    keepalive_timeout_s: float = Field(5.0, gt=0, description="Seconds a probe may stay unanswered.")
    silence_s: float = Field(20.0, gt=0, description="Seconds without a message after which a long call is given up.")
    progress_s: float = Field(5.0, gt=0, description="Most seconds between two progress messages of a long call.")
    deadline_margin_s: float = Field(
        0.05, ge=0, description="Seconds kept back from a deadline at each hop, to answer in time."
    )
    reconnect_max_s: float = Field(2.0, gt=0, description="Most seconds between two attempts to reach a peer.")
    stop_delay_s: float = Field(
        0.0, ge=0, description="Seconds to keep serving after NOT_SERVING, so that balancers notice."
    )
    stop_grace_s: float = Field(5.0, ge=0, description="Seconds that calls in flight get when the process must stop.")
    tls_ca: str = Field("", description="PEM file of the authority that signs peers; empty: plain text.")
    tls_cert: str = Field("", description="PEM file of this process's certificate chain.")
    tls_key: str = Field("", description="PEM file of this process's private key.")
    failpoints: str = Field("", description="Fault injection for tests (services/runtime/failpoints.py).")
    failpoints_dir: str = Field("", description="Folder in which fail points given inline count their hits.")


class AddressSettings(Settings):
    """Where each gRPC service is reached: host:port, or a gRPC name such as dns:///intake.ictogram:50051."""

    model_config = SettingsConfigDict(env_prefix="ICTOGRAM_ADDRESS_")

    intake: str = Field("127.0.0.1:50051", description="Address of the intake service.")
    segmentation: str = Field("127.0.0.1:50052", description="Address of the segmentation service.")
    semiology: str = Field("127.0.0.1:50053", description="Address of the semiology service.")
    localization: str = Field("127.0.0.1:50054", description="Address of the localization service.")
    report: str = Field("127.0.0.1:50055", description="Address of the report service.")
    monitoring: str = Field("127.0.0.1:50056", description="Address of the monitoring service.")
    cases: str = Field("127.0.0.1:50057", description="Address of the cases service.")

    def of(self, service: str) -> str:
        """Address of a service by name; raises `InvalidRequestError` for a name that is none."""
        if service not in type(self).model_fields:
            known = ", ".join(type(self).model_fields)
            raise InvalidRequestError(f"there is no gRPC service '{service}'; the services are {known}")
        address: str = getattr(self, service)
        return address


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One line of the settings table."""

    variable: str
    kind: str
    default: str
    description: str
    section: str


def rows(classes: Iterable[type[Settings]] | None = None) -> list[SettingRow]:
    """Every setting of the given classes (all registered ones by default); raises on one variable used twice."""
    found: dict[str, SettingRow] = {}
    for cls in classes if classes is not None else Settings.registered:
        for name, field in cls.model_fields.items():
            row = SettingRow(
                variable=cls.variable(name),
                kind=_kind(field.annotation),
                default=_default(field),
                description=field.description or "",
                section=cls.__name__,
            )
            if row.variable in found:
                raise TypeError(f"{row.variable} belongs to {found[row.variable].section} and to {row.section}")
            found[row.variable] = row
    return list(found.values())


def check_environment(
    environ: Mapping[str, str] | None = None, classes: Iterable[type[Settings]] | None = None
) -> None:
    """Refuse ``ICTOGRAM_*`` variables that no settings class knows; call it once all of them are imported."""
    known = [row.variable for row in rows(classes)]
    complaints = []
    for name in sorted(os.environ if environ is None else environ):
        if name.upper().startswith(VARIABLE_PREFIX) and name.upper() not in known:
            closest = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0)
            hint = f"; the closest known setting is {closest[0]}" if closest else ""
            complaints.append(f"the environment variable {name} is no setting of ictogram{hint}")
    if complaints:
        raise InvalidRequestError(". ".join(complaints))


def markdown_table(classes: Iterable[type[Settings]] | None = None) -> str:
    """The settings as Markdown tables, one per class, in order of registration."""
    lines: list[str] = []
    section = ""
    for row in rows(classes):
        if row.section != section:
            section = row.section
            lines += ["", f"### {section}", "", "| Variable | Kind | Default | Meaning |", "|---|---|---|---|"]
        default = f"`{row.default}`" if row.default else ""
        cells = (f"`{row.variable}`", row.kind, default, row.description)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines).strip() + "\n"


def _kind(annotation: Any) -> str:
    if typing.get_origin(annotation) is Literal:
        return " or ".join(str(choice) for choice in typing.get_args(annotation))
    words = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    if annotation in words:
        return words[annotation]
    return getattr(annotation, "__name__", None) or str(annotation).replace("typing.", "")


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, tuple):  # as it is written in the environment
        return json.dumps([str(one) for one in value])
    return "" if value is None or value == "" else str(value)


def _sentences(cls: type[Settings], error: ValidationError) -> list[str]:
    """What is wrong, by variable; values are left out because settings hold secrets."""
    return [
        f"{cls.variable(str(item['loc'][0])) if item['loc'] else cls.__name__}: {item['msg']}"
        for item in error.errors(include_url=False, include_input=False)
    ]
