"""Fills a deployment with a little of everything that pages show, and signs an operator in."""

from __future__ import annotations

import http.client
import re
from urllib.parse import urlencode

from deploy.bench.stack import Stack
from deploy.fuzz.site_wires import Access
from deploy.local import ports

USER = "fuzz"
PASSWORD = "fuzz-fuzz-fuzz"  # noqa: S105 - of an account that lives for minutes
ENVIRONMENT = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
LETTERS = 60
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_FORM = "application/x-www-form-urlencoded"

_ROWS = f"""
    INSERT INTO topic (kafka_id, name) VALUES (gen_random_uuid(), 'raw-data');
    INSERT INTO source_statistics
        (source_id, first_seen, last_seen, latest_event, read, stored, duplicate, dead_lettered, dropped, fields_capped)
        VALUES ('sensor-1', now(), now(), now(), 1, 1, 0, 0, 0, false);
    INSERT INTO dead_letter (topic_id, partition, "offset", line, raw, reason, detail, pointer, stage, source_id,
            received, first_seen, last_seen, attempts, fingerprint, state)
        SELECT topic.id, 0, n, 0, convert_to('{{"a": 1}}', 'UTF8'), 'not_json', 'a text', '', 'decode', 'sensor-1',
            now(), now(), now(), 1, 'f', 'open' FROM topic, generate_series(1, {LETTERS}) AS n;
"""  # noqa: S608 - made of constants


def prepare(stack: Stack) -> str:
    """Create rows, an operator's account and a key, whose token is returned."""
    with stack.stores.connect() as connection:
        connection.execute(_ROWS)
    stack.manage("createsuperuser", "--noinput", "--username", USER, "--email", "fuzz@example.org")
    return stack.create_key("--scope", "admin", "--scope", "read")


def sign_in(port: int, key: str) -> Access:
    """Sign in as a browser does.

    :raises RuntimeError: the login page does not take the password
    """
    page, cookies = _ask(port, "GET", "/sign-in/")
    form = {"csrfmiddlewaretoken": _token(page), "username": USER, "password": PASSWORD, "next": "/admin/"}
    _, cookies = _ask(port, "POST", "/sign-in/", cookies=cookies, body=urlencode(form))
    page, _ = _ask(port, "GET", "/admin/auth/user/add/", cookies=cookies)
    return Access(cookies, _token(page), key)


def _token(page: str) -> str:
    found = _TOKEN.search(page)
    if found is None:
        raise RuntimeError(f"no form where one was expected: {page[:200]}")
    return found[1]


def _ask(port: int, method: str, path: str, *, cookies: str = "", body: str = "") -> tuple[str, str]:
    """Return the text of an answer and the cookies that it sets."""
    connection = http.client.HTTPConnection(ports.HOST, port, timeout=20)
    try:
        connection.request(method, path, body or None, {"Cookie": cookies, "Content-Type": _FORM, "Host": "localhost"})
        answer = connection.getresponse()
        given = [value.partition(";")[0] for name, value in answer.getheaders() if name.lower() == "set-cookie"]
        return answer.read().decode(), "; ".join(given)
    finally:
        connection.close()
