"""The address policy, literal by literal."""

from __future__ import annotations

import ipaddress

import httpx
import pytest

from http_client import AddressRefused, HostUnreachable, HttpClient
from http_client.address_guard import Forbidden, Guard

NEVER = [
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[fd00:ec2::254]/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://metadata.google.internal/",
    "http://METADATA.google.internal./",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://224.0.0.1/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://user:pw@idp.example/",
    "ftp://idp.example/",
    "file:///etc/passwd",
    "//idp.example/",
    "http:///nohost",
    "http://idp.example:99999/",
    "",
]


@pytest.mark.parametrize("url", NEVER)
def test_not_even_the_embedded_policy_calls(url: str) -> None:
    with pytest.raises(Forbidden):
        Guard.embedded().check_url(url)


INNER = [
    "https://127.0.0.1/",
    "https://127.9.9.9/",
    "https://localhost:8100/",
    "https://tenant.localhost/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://10.0.0.8/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://[fd12::1]/",
    "https://[fec0::1]/",
]


@pytest.mark.parametrize("url", INNER)
def test_the_strict_policy_refuses_inner_addresses_that_the_embedded_one_admits(url: str) -> None:
    Guard.embedded().check_url(url)
    with pytest.raises(Forbidden):
        Guard().check_url(url)


def test_plain_http_needs_permission_away_from_loopback() -> None:
    Guard(loopback=True).check_url("http://localhost:8100/")
    with pytest.raises(Forbidden, match="https"):
        Guard(loopback=True).check_url("http://idp.example/")
    Guard().check_url("https://idp.example/")


def test_a_list_of_hosts_admits_those_and_no_other() -> None:
    guard = Guard.only("http://127.0.0.1:18970", "https://gw.corp.example/x")
    guard.check_url("http://127.0.0.1:18970/enforce/block")
    guard.check_url("https://GW.corp.example/enforce/block")
    for url in ("https://gw.corp.example.evil.example/", "https://evil.example/"):
        with pytest.raises(Forbidden, match="allowed hosts"):
            guard.check_url(url)


def test_a_listed_host_is_still_refused_when_it_turns_out_to_be_link_local() -> None:
    with pytest.raises(Forbidden):
        Guard.only("https://gw.corp.example").check_address(ipaddress.ip_address("169.254.169.254"))


@pytest.mark.parametrize(
    "url",
    [
        "https://gw.corp.example\\@evil.example/",
        "https://gw.corp.example@evil.example/",
        "https://evil.example#@gw.corp.example/",
        "https://evil.example?@gw.corp.example/",
        "https://evil.example\\.gw.corp.example/",
        "https://ev\til.example/",
    ],
)
def test_a_url_that_two_parsers_could_read_differently_reaches_only_listed_hosts(url: str) -> None:
    reached: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        reached.append(request.url.host)
        return httpx.Response(200)

    guard = Guard.only("https://gw.corp.example")
    client = HttpClient(guard=guard, transport=httpx.MockTransport(answer))
    with pytest.raises((AddressRefused, HostUnreachable)):
        client.get(url, operation="t.parse")
    assert reached == []
