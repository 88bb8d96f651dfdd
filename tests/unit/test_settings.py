"""Flags over environment over file, unknown names refused, and the page that documents them."""

import dataclasses
from pathlib import Path

import pytest

from service.settings import TABLE, Settings, SettingsError, documentation, load

ROOT = Path(__file__).parents[2]


def test_defaults_stand_without_any_source(tmp_path: Path) -> None:
    assert load(tmp_path, {}, {}) == Settings()


def test_the_table_and_the_fields_are_the_same() -> None:
    fields = {field.name: field.default for field in dataclasses.fields(Settings)}
    assert fields == {setting.name: setting.default for setting in TABLE}


def test_a_flag_wins_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('host = "localhost"\nport = 1000\nlog_level = "info"\n')
    environ = {"DRIFTDECK_PORT": "2000", "DRIFTDECK_LOG_LEVEL": "ERROR"}
    settings = load(tmp_path, {"port": 3000, "host": None}, environ)
    assert (settings.host, settings.port, settings.log_level) == ("localhost", 3000, "error")


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("DRIFTDECK_PROT", "did you mean DRIFTDECK_PORT?"),
        ("DRIFTDECK_ZZZZZZZZZ", "Valid are DRIFTDECK_HOST"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest(tmp_path: Path, variable: str, words: str) -> None:
    with pytest.raises(SettingsError, match=variable) as caught:
        load(tmp_path, {}, {variable: "1"})
    assert words in str(caught.value)


def test_an_unknown_name_in_the_file_is_refused_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("shceduler = true\n")
    with pytest.raises(SettingsError, match="did you mean scheduler"):
        load(tmp_path, {}, {})


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("DRIFTDECK_PORT", "70000", "a whole number from 0 to 65535"),
        ("DRIFTDECK_PORT", "http", "a whole number from 0 to 65535"),
        ("DRIFTDECK_SCHEDULER", "perhaps", "true or false"),
        ("DRIFTDECK_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_what_is(
    tmp_path: Path, variable: str, value: str, allowed: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, {}, {variable: value})
    assert str(caught.value) == f"environment variable {variable}: {value!r} is not allowed; write {allowed}"


def test_a_token_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("token = 12345678\n")
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, {}, {})
    assert "12345678" not in str(caught.value)


def test_what_kubernetes_injects_for_a_service_of_this_name_is_passed_over(tmp_path: Path) -> None:
    injected = {
        "DRIFTDECK_PORT": "tcp://10.0.0.1:8501",
        "DRIFTDECK_PORT_8501_TCP_ADDR": "10.0.0.1",
        "DRIFTDECK_SERVICE_HOST": "10.0.0.1",
        "DRIFTDECK_SERVICE_PORT_HTTP": "8501",
    }
    assert load(tmp_path, {}, injected) == Settings()


def test_lists_come_from_toml_or_from_commas(tmp_path: Path) -> None:
    assert load(tmp_path, {}, {"DRIFTDECK_ALLOWED_HOSTS": "A.example, b.example"}).allowed_hosts == (
        "a.example",
        "b.example",
    )
    (tmp_path / "settings.toml").write_text('allowed_hosts = ["c.example"]\n')
    assert load(tmp_path, {}, {}).allowed_hosts == ("c.example",)


def test_the_page_holds_what_the_table_says() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert page == documentation(), "run `python -m service.settings > docs/settings.md`"
