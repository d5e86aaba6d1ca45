"""`TRUSTED_PROXIES`: whose `X-Forwarded-For` is believed, and for which part of it."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from django.conf import LazySettings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pydantic import ValidationError

from portal.env import Env
from portal.ops.caller_address import CallerAddressMiddleware, caller_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::1"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "203.0.113.7, 10.2.3.4", "203.0.113.7"),
        ("fd00::1", "2001:db8::5", "2001:db8::5"),
        ("fd00::1", "[2001:db8::5]:4711", "2001:db8::5"),
        ("10.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.7, unknown", "10.0.0.1"),
        ("10.0.0.1", "10.9.9.9", "10.9.9.9"),
        ("", "203.0.113.7", ""),
        ("10.0.0.1", "fe80::1%" + "x" * 5000, "10.0.0.1"),
        ("10.0.0.1", "[fe80::1%<b>]:4711", "10.0.0.1"),
    ],
)
def test_it_is_the_last_one_that_a_trusted_proxy_reports(
    peer: str, forwarded: str, found: str
) -> None:
    assert caller_address(peer, forwarded, PROXIES) == found


@pytest.mark.parametrize(
    ("trusted", "found"), [("", "10.0.0.1"), ("10.0.0.1, fd00::/8", "203.0.113.7")]
)
def test_without_trusted_proxies_the_header_is_not_read(
    settings: LazySettings, trusted: str, found: str
) -> None:
    settings.ENV = Env(TRUSTED_PROXIES=trusted)
    seen: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request.META["REMOTE_ADDR"])
        return HttpResponse()

    request = RequestFactory().get("/", headers={"X-Forwarded-For": "203.0.113.7"})
    request.META["REMOTE_ADDR"] = "10.0.0.1"
    CallerAddressMiddleware(view)(request)
    assert seen == [found]


@pytest.mark.parametrize(
    "bad",
    [
        "proxy.internal",
        "10.0.0.1/8",
        "0.0.0.0/0",
        "10.0.0.1, ::/0",
        "0.0.0.0/1, 128.0.0.0/1",
        "::/1 8000::/1",
        "::ffff:10.0.0.0/104",
    ],
)
def test_what_is_no_address_or_everybody_is_refused(bad: str) -> None:
    with pytest.raises(
        ValidationError,
        match=r"must be an IP address|as an IPv4 network|choose its recorded address",
    ):
        Env(TRUSTED_PROXIES=bad)
