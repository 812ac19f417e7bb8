"""Variables and the settings file: what is wrong is refused, never taken as unset."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from dataflow_site.checks import names, security
from dataflow_site.environment import env as module
from dataflow_site.environment.env import BASE_DIR, Environment, env, items

OF_WINDOWS = "\ufeffDATAFLOW_DEBUG = 0   # on a server\r\nDATAFLOW_SECRET_KEY = '$ecret'\r\n"


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture
def with_file(tmp_path: Path) -> Callable[[str], Environment]:
    """Return an environment with a settings file of this text."""

    def make(text: str) -> Environment:
        path = tmp_path / "settings.env"
        path.write_bytes(text.encode())
        os.environ["DATAFLOW_ENV_FILE"] = str(path)
        return Environment()

    return make


def test_a_file_of_a_windows_editor_closes_what_it_closes(with_file: Callable[[str], Environment]) -> None:
    read = with_file(OF_WINDOWS)

    assert read.bool("DATAFLOW_DEBUG", True) is False
    assert read.str("DATAFLOW_SECRET_KEY", "public") == "$ecret"
    assert read.lines == {"DATAFLOW_DEBUG": 1, "DATAFLOW_SECRET_KEY": 2}


def test_the_environment_wins_over_the_file(with_file: Callable[[str], Environment]) -> None:
    os.environ["DATAFLOW_LOG_LEVEL"] = "DEBUG"

    assert with_file("DATAFLOW_LOG_LEVEL=ERROR\n").str("DATAFLOW_LOG_LEVEL", "INFO") == "DEBUG"


def test_a_value_of_the_environment_is_what_it_is() -> None:
    os.environ["DATAFLOW_SECRET_KEY"] = "$ecret"

    assert Environment().str("DATAFLOW_SECRET_KEY", "public") == "$ecret"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\nDATAFLOW_SECRET_KEY=$ecret\n", "settings.env: line 2: it refers to a variable that is not set"),
        ("DATAFLOW_ENV_FILE=other.env\n", "settings.env: line 1: DATAFLOW_ENV_FILE can't stand in a file"),
        ("DATAFLOW_DEBUG=0\nDATAFLOW_DEBUG=1\n", "settings.env: line 2: DATAFLOW_DEBUG is set in line 1 already"),
    ],
)
def test_a_file_that_cannot_be_taken_as_it_stands_is_refused(
    with_file: Callable[[str], Environment], text: str, message: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=message):
        with_file(text).str("DATAFLOW_LOG_LEVEL", "INFO")


@pytest.mark.parametrize("named", ["no-such.env", "", "."])
def test_a_named_file_that_is_not_there_is_refused(named: str) -> None:
    os.environ["DATAFLOW_ENV_FILE"] = named

    with pytest.raises(ImproperlyConfigured, match=r"DATAFLOW_ENV_FILE names"):
        Environment().load()


def test_a_folder_named_like_the_file_is_none_and_a_link_to_nowhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BASE_DIR", tmp_path)
    del os.environ["DATAFLOW_ENV_FILE"]
    Environment().load()

    (tmp_path / ".env").mkdir()
    Environment().load()

    (tmp_path / ".env").rmdir()
    (tmp_path / ".env").symlink_to("gone")
    with pytest.raises(ImproperlyConfigured, match=r"\.env: No such file"):
        Environment().load()


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), (" True ", True), ("ON", True), ("yes", True), ("0", False), ("off", False), ("False\t", False)],
)
def test_a_yes_or_a_no_is_read(text: str, value: bool) -> None:
    os.environ["SWITCH"] = text

    assert Environment().bool("SWITCH", not value) is value


@pytest.mark.parametrize("text", ["", " ", "ture", "2", "0 # remark", "'0'", "no way", "none"])
def test_a_switch_that_is_neither_is_refused(text: str) -> None:
    os.environ["SWITCH"] = text

    with pytest.raises(ImproperlyConfigured, match="SWITCH: expected 1 or 0, got"):
        Environment().bool("SWITCH", False)


@pytest.mark.parametrize("text", ["", "many", "nan", "inf", "-inf", "1,5"])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    os.environ["LIMIT"] = text

    with pytest.raises(ImproperlyConfigured, match="LIMIT: expected a number, got"):
        Environment().float("LIMIT", 0.0)
    with pytest.raises(ImproperlyConfigured, match="LIMIT: expected a whole number, got"):
        Environment().int("LIMIT", 0)


def test_blanks_around_the_items_of_a_list_do_not_count() -> None:
    os.environ["HOSTS"] = " a.example , b.example,, c.example\t,"

    assert Environment().list("HOSTS", default=["x"]) == ["a.example", "b.example", "c.example"]
    assert items(" ") == []


def test_a_name_of_the_file_that_is_no_setting_is_found_with_its_line(
    with_file: Callable[[str], Environment], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = with_file("COMPOSE_PROJECT_NAME=x\nPOSTGRESS_HOST=db\ndataflow_debug=0\n")
    read.load()
    monkeypatch.setattr(env, "lines", read.lines)

    found = [(finding.msg, finding.hint) for finding in names.known_names(None)]

    assert found == [
        ("POSTGRESS_HOST (line 2 of the settings file) is no setting.", "Did you mean POSTGRES_HOST?"),
        ("dataflow_debug (line 3 of the settings file) is no setting.", "Did you mean DATAFLOW_DEBUG?"),
    ]


def test_an_empty_secret_is_found() -> None:
    os.environ["DATAFLOW_SECRET_KEY"] = ""

    assert [finding.id for finding in security.production(None)] == ["dataflow.E015"]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("DATAFLOW_DEBUG=0\nDATAFLOW_SECRET_KEY=$ecret\n", 2, "line 2: it refers to a variable that is not set"),
        ("\ufeffDATAFLOW_DEBUG = 0\r\n", 1, "The development secret is in use with DATAFLOW_DEBUG=0."),
    ],
    ids=["refused", "read"],
)
def test_a_command_does_not_run_past_its_settings_file(tmp_path: Path, text: str, code: int, message: str) -> None:
    file = tmp_path / "settings.env"
    file.write_bytes(text.encode())

    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE_DIR,
        env={**os.environ, "DATAFLOW_ENV_FILE": str(file)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
