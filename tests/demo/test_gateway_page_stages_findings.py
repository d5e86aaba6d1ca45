"""The buttons of the gateway's human page, and who may press them."""

from __future__ import annotations

import pytest

from tests.demo.gateway_client import Running

FORM = b"target_type=skill&target_name=pdf-exfil&severity=critical"


def press(gateway: Running, **headers: str) -> tuple[int, str | None]:
    host = f"127.0.0.1:{gateway.port}"
    sent = {"Origin": f"http://{host}", "Content-Type": "application/x-www-form-urlencoded"}
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = gateway.call("POST", "/demo/stage", raw=FORM, headers={**sent, **given})
    return answer.status, answer.headers.get("Location")


def test_a_button_of_the_page_stages_a_scan_and_shows_the_page_again(gateway: Running) -> None:
    assert press(gateway) == (303, "/")
    (scan,) = gateway.rows("SELECT * FROM scan_results")
    assert scan["max_severity"] == "CRITICAL"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": ""},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_another_page_cannot_press_it(gateway: Running, headers: dict[str, str]) -> None:
    assert press(gateway, **headers)[0] == 403
    assert gateway.rows("SELECT * FROM scan_results") == []


def test_the_page_offers_the_buttons(gateway: Running) -> None:
    page = gateway.call("GET", "/").body.decode()
    assert page.count('action="/demo/stage"') == 4
