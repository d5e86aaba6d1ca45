"""A refusal that the framework makes with an empty body is a page for whoever navigates to it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.support.pages import signed_in

pytestmark = pytest.mark.usefixtures("house")
BROWSER = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"


def test_a_link_to_where_only_a_button_leads_says_so() -> None:
    answer = signed_in("auditor", "auditor").get("/audit/ledger/verify/", HTTP_ACCEPT=BROWSER)
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    html = answer.content.decode()
    assert html.count("<h1>") == 1
    assert "can’t be opened directly" in html
    assert answer["X-Request-ID"] in html
    assert answer["Content-Security-Policy"]


def test_a_form_that_is_too_large_says_how_to_go_on(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = signed_in("auditor", "auditor").post(
        "/audit/exports/new/", {"q": "x" * 200}, HTTP_ACCEPT=BROWSER
    )
    assert answer.status_code == 413
    assert "Send less" in answer.content.decode()


@pytest.mark.parametrize("headers", [{}, {"HTTP_ACCEPT": BROWSER, "HTTP_HX_REQUEST": "true"}])
def test_scripts_and_fragments_get_no_page(headers: dict[str, str]) -> None:
    answer = Client().post("/metrics", **headers)  # type: ignore[arg-type]
    assert answer.status_code == 405
    assert b"<html" not in answer.content


def test_a_page_is_compressed_and_its_token_masked_anew_each_time() -> None:
    client = signed_in("auditor", "auditor")
    one, other = (client.get("/account/", HTTP_ACCEPT_ENCODING="gzip") for _ in range(2))
    assert one["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in one["Vary"]
    # BREACH compares lengths: neither the token nor the length repeats.
    assert one.context["csrf_token"] != other.context["csrf_token"]


def test_what_is_not_there_leads_to_where_the_person_may_look() -> None:
    for roles, way, other in (((), "/account/", "/audit/"), (("auditor",), "/audit/", "/account/")):
        page = signed_in("member1", *roles).get("/nowhere/")
        main = page.content.decode().partition("<main")[2].partition("</main>")[0]
        assert page.status_code == 404
        assert f'class="btn btn-primary" href="{way}"' in main and f'href="{other}"' not in main


def test_a_page_of_other_roles_names_them_as_one_would() -> None:
    words = signed_in("member1").get("/enforcement/").content.decode()
    assert "This page is for operators, auditors and admins. Ask an admin for the role" in words
