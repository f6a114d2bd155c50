from __future__ import annotations

from typing import Literal

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from schemas.errors import InvalidRequestError
from services.runtime import settings
from services.runtime.settings import AddressSettings, RuntimeSettings, Settings


@pytest.fixture
def example() -> type[Settings]:
    known = list(Settings.registered)

    class ExampleSettings(Settings):
        model_config = SettingsConfigDict(env_prefix="ICTOGRAM_EXAMPLE_")
        slots: int = Field(2, ge=1, description="How many | at once.")
        mode: Literal["fast", "slow"] = Field("fast", description="How.")
        secret: SecretStr = Field(description="Shared with nobody.")

    Settings.registered[:] = known
    return ExampleSettings


def test_values_come_from_the_environment(example: type[Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICTOGRAM_EXAMPLE_SLOTS", "5")
    monkeypatch.setenv("ICTOGRAM_EXAMPLE_SECRET", "s3cret")
    monkeypatch.setenv("ICTOGRAM_EXAMPLE_MODE", "")
    loaded = example.load()
    assert (loaded.slots, loaded.mode) == (5, "fast")  # type: ignore[attr-defined]


def test_wrong_values_name_variable_and_rule_but_not_the_value(
    example: type[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ICTOGRAM_EXAMPLE_SLOTS", "0")
    with pytest.raises(InvalidRequestError) as caught:
        example.load(mode="hidden-value")
    assert "ICTOGRAM_EXAMPLE_SLOTS: Input should be greater than or equal to 1" in caught.value.message
    assert "ICTOGRAM_EXAMPLE_SECRET: Field required" in caught.value.message
    assert "hidden-value" not in caught.value.message


def test_settings_are_frozen_and_closed() -> None:
    with pytest.raises(InvalidRequestError, match="ICTOGRAM_NONSENSE: Extra inputs"):
        RuntimeSettings.load(nonsense=1)
    with pytest.raises(Exception, match="frozen"):
        RuntimeSettings().log_level = "debug"  # type: ignore[misc]


def test_an_unknown_variable_is_refused_with_the_closest_known_one() -> None:
    environ = {"ICTOGRAM_OBJECT_STOR": "x", "ICTOGRAM_LOG_LEVEL": "info", "PATH": "/bin"}
    with pytest.raises(InvalidRequestError) as caught:
        settings.check_environment(environ)
    assert "ICTOGRAM_OBJECT_STOR is no setting" in caught.value.message
    assert "closest known setting is ICTOGRAM_OBJECT_STORE" in caught.value.message
    assert "LOG_LEVEL" not in caught.value.message


def test_a_known_environment_passes() -> None:
    settings.check_environment({"ICTOGRAM_ADDRESS_INTAKE": "h:1", "ICTOGRAM_FAILPOINTS": "@/x"})


def test_every_setting_must_be_described() -> None:
    with pytest.raises(TypeError, match="settings without a description: slots"):

        class Undescribed(Settings):
            slots: int = 1


def test_one_variable_belongs_to_one_class(example: type[Settings]) -> None:
    with pytest.raises(TypeError, match="ICTOGRAM_EXAMPLE_SLOTS belongs to ExampleSettings"):
        settings.rows([example, example])


def test_the_table_lists_every_setting(example: type[Settings]) -> None:
    table = settings.markdown_table([RuntimeSettings, example])
    assert "| `ICTOGRAM_EXAMPLE_SLOTS` | whole number | `2` | How many \\| at once. |" in table
    assert "| `ICTOGRAM_EXAMPLE_MODE` | fast or slow | `fast` | How. |" in table
    assert "| `ICTOGRAM_EXAMPLE_SECRET` | SecretStr | `required` |" in table
    assert table.count("| `ICTOGRAM_") == len(RuntimeSettings.model_fields) + 3


def test_all_registered_variables_are_distinct() -> None:
    variables = [row.variable for row in settings.rows()]
    assert len(variables) == len(set(variables)) > 20


def test_addresses_by_service() -> None:
    assert AddressSettings(intake="h:1").of("intake") == "h:1"
    with pytest.raises(InvalidRequestError, match="no gRPC service 'intak'"):
        AddressSettings().of("intak")
