"""docs/live.md names all that the live feed says and understands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from dashboard.live import messages
from dashboard.live.messages import Channel, ClientMessage
from dashboard.live.redis_subscriber import FeedState
from dashboard.live.socket_limits import CloseCode

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "live.md").read_text()
SERVER = [messages.welcome(), messages.snapshot("a", "tail", None), messages.frame(1, 250, {}), messages.heartbeat()]
SERVER += [messages.event("feed", "live"), messages.error("invalid_ack", "")]


@pytest.mark.parametrize("channel", get_args(Channel))
def test_every_channel_is_described(channel: str) -> None:
    assert f"\n| `{channel}` |" in PAGE


@pytest.mark.parametrize("message", get_args(ClientMessage), ids=lambda kind: str(kind.__struct_config__.tag))
def test_every_message_of_a_client_is_described_with_its_members(message: type) -> None:
    [row] = re.findall(rf"^\| `{message.__struct_config__.tag}` \|.*$", PAGE, re.MULTILINE)  # type: ignore[attr-defined]

    assert [name for name in message.__struct_encode_fields__ if f"`{name}`" not in row] == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", SERVER, ids=lambda text: text[9:18])
def test_every_message_of_the_server_is_described_with_its_members(text: str) -> None:
    message = json.loads(text)
    [row] = re.findall(rf"^\| `{message.pop('type')}` \|.*$", PAGE, re.MULTILINE)

    assert [name for name in message if f"`{name}`" not in row] == []


def test_every_code_and_state_and_number_is_there() -> None:
    live = ROOT / "dashboard" / "live"
    text = "".join((live / name).read_text() for name in ("messages.py", "sockets.py", "viewers.py"))
    errors = set(re.findall(r'ProtocolError\(\s*"(\w+)"', text))
    codes = {str(int(code)) for code in CloseCode}

    assert errors
    assert [word for word in errors | codes | set(get_args(FeedState)) if f"`{word}`" not in PAGE] == []
    for number in (messages.WINDOW, messages.MAX_MESSAGE, messages.MAX_SUBSCRIPTIONS, messages.VERSION):
        assert f"{number:,}" in PAGE
