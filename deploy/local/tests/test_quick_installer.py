"""uv installs what pip would, from where pip would; pip does it where uv could not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deploy.local import bootstrap
from deploy.local.installation import quick_installer
from deploy.packages.requirements import pins

FOLDER = Path(sys.prefix)
PINS = bootstrap.ROOT / bootstrap.PINS_OF_UV


@pytest.fixture(autouse=True)
def _unconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "PIP_NO_INDEX", "PIP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


def test_uv_looks_where_pip_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://one.example/simple https://two.example/simple")

    words = quick_installer.command(FOLDER, PINS)

    assert words
    assert words[0] == str(FOLDER / "bin" / "uv")
    assert words[-4:] == [
        *("--extra-index-url", "https://one.example/simple"),
        *("--extra-index-url", "https://two.example/simple"),
    ]


def test_uv_trusts_the_certificates_that_pip_trusts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CERT", "/etc/certificates.pem")

    assert quick_installer.environment(FOLDER)["SSL_CERT_FILE"] == "/etc/certificates.pem"


@pytest.mark.parametrize("setting", ["PIP_PROXY", "PIP_NO_INDEX"])
def test_pip_installs_where_it_is_told_what_uv_would_not_know(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv(setting, "1")

    assert quick_installer.command(FOLDER, PINS) is None


def test_uv_itself_is_compared_with_its_hashes() -> None:
    text = PINS.read_text()
    pinned = quick_installer.PINNED.search(text)

    assert pinned
    assert [*pins(pinned[0])] == [pin for pin in pins(text) if pin.requirement.name == "uv"]
    assert next(pins(pinned[0])).hashes


def test_pip_installs_what_uv_could_not(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    failing = [sys.executable, "-c", "raise SystemExit('error: no such index')"]
    monkeypatch.setattr(quick_installer, "command", lambda *_: failing)

    assert not bootstrap._install_quickly([], FOLDER)
    assert capsys.readouterr().out == "  error: no such index\n  uv could not do it; pip tries.\n"
