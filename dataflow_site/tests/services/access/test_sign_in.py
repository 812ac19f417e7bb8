"""Wrong passwords are limited, sessions end, and passwords have rules."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client, override_settings

from dataflow_site.access import sign_in_limits
from dataflow_site.access.sign_in_limits import MOST_OF_ONE_NAME
from dataflow_site.models import SignInFailures
from deploy.testing.deployment import Deployment

pytestmark = pytest.mark.services

PASSWORD = "correct horse battery"
HERE, ELSEWHERE = "203.0.113.1", "203.0.113.2"
LOCKED = b"Too many wrong passwords"


@pytest.fixture
def user(module_site: Deployment) -> Iterator[User]:
    made = User.objects.create_superuser(f"user-{uuid4().hex[:8]}", password=PASSWORD)
    yield made
    SignInFailures.objects.all().delete()


def sign_in(user: str, password: str, *, address: str = HERE, client: Client | None = None, **meta: Any) -> Any:
    form = {"username": user, "password": password}
    return (client or Client()).post("/sign-in/", form, REMOTE_ADDR=address, **meta)


def guess(user: str, times: int, *, address: str = HERE) -> list[bool]:
    """Return of each guess whether it was refused without a look at the password."""
    # What is compared is not of interest here, and takes long.
    with patch.object(hashlib, "pbkdf2_hmac", return_value=b"x"):
        return [LOCKED in sign_in(user, f"guess {number}", address=address).content for number in range(times)]


@pytest.mark.parametrize("is_open", [True, False], ids=["open to everyone", "closed"])
def test_every_kind_of_page_names_who_is_signed_in(user: User, is_open: bool) -> None:
    client = Client(headers={"accept": "text/html"})
    client.force_login(user)
    paths = ("/", "/account/", "/api/", "/api/data/", "/api/docs/", "/admin/", "/nothing/")

    with override_settings(DATAFLOW_OPEN_READ=is_open):
        pages = {path: client.get(path).content.decode() for path in paths}

    assert [path for path, text in pages.items() if f"<summary>{user.username}</summary>" not in text] == []
    # Its roles and what it may open come from the same account.
    assert [path for path, text in pages.items() if ">Administration</a>" not in text] == []


def test_guesses_of_one_name_are_limited_and_its_user_signs_in_elsewhere(user: User) -> None:
    refused = guess(user.username, MOST_OF_ONE_NAME + 3)

    assert refused == [False] * MOST_OF_ONE_NAME + [True] * 3
    assert LOCKED in sign_in(user.username, PASSWORD).content
    assert sign_in(user.username, PASSWORD, address=ELSEWHERE).status_code == 302


def test_a_refused_guess_hashes_nothing(user: User) -> None:
    guess(user.username, MOST_OF_ONE_NAME)

    with patch.object(hashlib, "pbkdf2_hmac", side_effect=AssertionError):
        assert LOCKED in sign_in(user.username, "another").content


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8:1:2::%x"])
def test_guesses_of_many_names_from_one_address_are_limited(
    user: User, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(sign_in_limits, "MOST_OF_ONE_ADDRESS", 12)
    names = range(14)
    refused = [guess(f"made up {n}", 1, address=address % n if "%" in address else address)[0] for n in names]

    assert refused == [False] * 12 + [True] * 2
    assert sign_in(user.username, PASSWORD, address=ELSEWHERE).status_code == 302


def test_a_right_password_forgives_the_wrong_ones(user: User) -> None:
    for _ in range(2):
        assert not any(guess(user.username, MOST_OF_ONE_NAME - 1))
        assert sign_in(user.username, PASSWORD).status_code == 302


def test_a_lock_ends_and_what_is_old_is_removed(user: User) -> None:
    assert any(guess(user.username, MOST_OF_ONE_NAME + 1))

    with connection.cursor() as cursor:
        cursor.execute("UPDATE sign_in_failures SET since = since - interval '16 minutes'")

    assert sign_in(user.username, PASSWORD).status_code == 302
    assert SignInFailures.objects.count() <= 1


def test_clients_behind_a_trusted_proxy_are_told_apart(user: User, settings: Any) -> None:
    settings.DATAFLOW_TRUSTED_PROXIES = ["10.0.0.1"]
    guess(user.username, 0)
    with patch.object(hashlib, "pbkdf2_hmac", return_value=b"x"):
        for _ in range(MOST_OF_ONE_NAME):
            sign_in(user.username, "guess", address="10.0.0.1", HTTP_X_FORWARDED_FOR=HERE)

    assert LOCKED in sign_in(user.username, PASSWORD, address="10.0.0.1", HTTP_X_FORWARDED_FOR=HERE).content
    assert sign_in(user.username, PASSWORD, address="10.0.0.1", HTTP_X_FORWARDED_FOR=ELSEWHERE).status_code == 302


@pytest.fixture
def signed_in(user: User) -> Client:
    client = Client()
    assert sign_in(user.username, PASSWORD, client=client).status_code == 302
    assert client.get("/admin/").status_code == 200
    return client


@pytest.mark.parametrize(
    ("uses", "end"),
    [
        # Used every day, until a week is over.
        ([23.0, 46.0, 69.0, 92.0, 115.0, 138.0, 161.0], 168.1),
        # Not used for a day.
        ([23.0], 47.1),
    ],
)
def test_a_session_ends_by_age_and_when_it_is_not_used(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch, uses: list[float], end: float
) -> None:
    began = time.time()

    def status_after(hours: float) -> int:
        monkeypatch.setattr(time, "time", lambda: began + hours * 3600)
        return signed_in.get("/admin/").status_code

    assert [status_after(hours) for hours in uses] == [200] * len(uses)
    assert status_after(end) == 302
    assert not Session.objects.filter(pk=signed_in.cookies["sessionid"].value).exists()


def test_all_sessions_of_a_user_end_with_the_password(signed_in: Client, user: User) -> None:
    second = Client()
    sign_in(user.username, PASSWORD, client=second)

    user.set_password("another password")
    user.save()

    assert [client.get("/admin/").status_code for client in (signed_in, second)] == [302, 302]


@pytest.mark.parametrize("password", ["short", "123456789012", "1q2w3e4r5t6y", "user-operator"])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, User(username="user-operator"))
