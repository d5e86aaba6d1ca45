"""The pages of samples: who may draw, what is said before and after, and what can be taken away."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from html import unescape
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from typer.testing import CliRunner

from ata.cli import app
from audit.exports import full_log
from audit.keys import log_identity
from audit.models import EventRow
from audit.recording.actors import Actor
from audit.sampling import sample_from_its_events
from audit.sequencing import sequencer
from tests.audit.browsing import browser_of, text_of
from tests.audit.factories import ADA, MIA, OLU
from tests.audit.test_samples_are_drawn_here import happens, told

pytestmark = pytest.mark.django_db

AMIR = Actor(
    iss=ADA.iss, sub="auth0|amir", name="Amir Admin", email="amir@acme.example",
    roles=frozenset({"admin"}),
)  # fmt: skip
FORM = {"size": "5", "seed": ""}


def words(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.status_code
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text_of(answer))))


def asked(client: Client, query: str = "?action=skill.blocked", **form: str) -> str:
    """The address of a sample that was asked for and whose tree is signed."""
    answer = client.post(f"/audit/sample/{query}", FORM | form)
    assert answer.status_code == 302, text_of(answer)
    sequencer.run_once()
    return str(answer["Location"])


def test_the_trail_leads_there_with_its_filter_whoever_may_draw() -> None:
    for person, there in ((ADA, True), (AMIR, True), (OLU, False)):
        page = text_of(browser_of(person).get("/audit/?outcome=denied&order=oldest&live=1"))
        assert ('href="/audit/sample/?outcome=denied"' in page) is there, person.name


def test_the_form_says_what_is_drawn_from_and_that_nobody_chooses_the_seed() -> None:
    happens(9)
    page = words(browser_of(ADA), "/audit/sample/?action=skill.blocked")
    assert "3 of 9 events match now" in page
    assert "which no one can predict" in page and "recorded before anyone sees it" in page
    assert "None was drawn with exactly this filter." in page
    assert not EventRow.objects.filter(action__startswith="audit.sample").exists()


def test_the_bar_of_the_form_narrows_what_is_drawn_from() -> None:
    ada = browser_of(ADA)
    answer = ada.get("/audit/sample/?action=skill.blocked&bar=via:web")
    assert answer["Location"] == "/audit/sample/?action=skill.blocked&via=web"
    page = unescape(text_of(ada.get("/audit/sample/?action=skill.blocked&via=web")))
    assert 'href="/audit/sample/?via=web"' in page, "a chip is taken out on this page"
    assert 'action="/audit/sample/"' in page


def test_a_sample_is_asked_for_then_drawn_then_shown_in_its_order() -> None:
    happens()
    ada = browser_of(ADA)
    answer = ada.post("/audit/sample/?action=skill.blocked", FORM)
    page = answer["Location"]
    waiting = words(ada, page)
    assert "Your request is on record" in waiting and "Look again" in waiting
    assert not told("audit.sampled")
    sequencer.run_once()
    shown = text_of(ada.get(page))
    [draw] = told("audit.sampled")
    indices = re.findall(r"#([\d,]+)</td>", shown)
    assert indices == [str(index) for index in draw["data"]["indices"]]
    assert len(indices) == 5
    for index in indices:
        assert f"/audit/events/{EventRow.objects.get(seq=int(index)).event}/" in shown
    said = words(ada, page)
    assert "Sample of 5 events" in said and "14 events" in said
    assert "9 of them were left out by the draw" in said
    assert "Derived from the log and filter" in said
    assert "This is the only sample of this filter." in said


def test_a_page_that_waits_shows_the_sample_once_it_is_drawn() -> None:
    happens(9)
    ada = browser_of(ADA)
    page = ada.post("/audit/sample/", FORM)["Location"]
    polled = {"HX-Request": "true"}
    assert "HX-Retarget" not in ada.get(page, headers=polled)
    sequencer.run_once()
    answer = ada.get(page, headers=polled)
    assert "HX-Refresh" not in answer, "the page would be reloaded under its reader"
    assert (answer["HX-Retarget"], answer["HX-Reselect"]) == ("#main", "#main")
    assert answer["HX-Reswap"] == "outerHTML"
    assert '<main id="main"' in text_of(answer) and "Sample of 5 events" in text_of(answer)
    assert "HX-Retarget" not in ada.get(page)


def test_looking_at_the_drawn_events_is_recorded_as_a_look_at_their_filter() -> None:
    happens()
    ada = browser_of(ADA)
    cache.clear()  # no look of another test
    page = asked(ada)
    assert not told("audit.viewed")
    ada.get(page)
    [look] = told("audit.viewed")
    [wish] = told("audit.sample_asked")
    assert look["data"]["filter"] == wish["data"]["filter"]
    row = EventRow.objects.get(action="audit.sampled")
    assert row.event < EventRow.objects.get(action="audit.viewed").event


def test_earlier_draws_of_the_same_filter_and_who_asked_are_shown() -> None:
    happens()
    first = asked(browser_of(ADA), "?action=skill.blocked&via=web")
    browser_of(ADA).get(first)
    amir = browser_of(AMIR)
    form = text_of(amir.get("/audit/sample/?via=web&action=skill.blocked"))
    assert first in form and "Ada Auditor" in form
    second = asked(amir, "?via=web&action=skill.blocked", seed="room 4")
    page = words(amir, second)
    assert "Other draws of this filter 1" in page and "Ada Auditor" in page
    assert "room 4 , named before the tree was signed" in page
    assert "Ada Auditor" not in text_of(amir.get("/audit/sample/?via=web"))
    trail = re.search(r'href="(/audit/\?[^"]*action=audit.sample_asked[^"]*)"', form)
    assert trail and "Ada Auditor" in text_of(amir.get(unescape(trail[1])))


@pytest.mark.parametrize(
    ("query", "form", "says"),
    [
        ("", {"size": "0"}, "1 to 200 events"),
        ("", {"size": "201"}, "1 to 200 events"),
        ("", {"size": "five"}, "1 to 200 events"),
        ("", {"size": ""}, "1 to 200 events"),
        ("", {"seed": "x" * 201}, "A seed is 1 to 200 printable characters"),
        ("", {"seed": "a\nb"}, "A seed is 1 to 200 printable characters"),
        ("?human=H2", {}, "Human is computed from evidence"),
        ("?outcom=x", {}, "there is no filter"),
    ],
)
def test_what_is_no_sample_is_said_and_leaves_nothing(
    query: str, form: dict[str, str], says: str
) -> None:
    happens(3)
    answer = browser_of(ADA).post(f"/audit/sample/{query}", FORM | form)
    assert answer.status_code == 422
    assert says in unescape(text_of(answer))
    assert not told("audit.sample_asked")


def test_who_may_not_draw_is_refused_and_leaves_nothing() -> None:
    happens(3)
    page = asked(browser_of(ADA), "")
    browser_of(ADA).get(page)
    files = [f"{page}sample.json", f"{page}sample.csv"]
    for person in (OLU, MIA):
        refused = browser_of(person)
        assert refused.post("/audit/sample/", FORM).status_code == 403
        for path in ("/audit/sample/", page, *files):
            assert refused.get(path).status_code == 403, path
    for path in ("/audit/sample/", page, *files):
        answer = Client().get(path)
        assert answer.status_code == 302 and "/oidc/" in answer["Location"], path
    assert Client().post("/audit/sample/", FORM).status_code in (302, 403)
    assert browser_of(ADA, csrf=True).post("/audit/sample/", FORM).status_code == 403
    assert browser_of(ADA).put("/audit/sample/").status_code == 405
    assert browser_of(ADA).post(page).status_code == 405
    assert browser_of(ADA).post(files[0]).status_code == 405
    assert len(told("audit.sample_asked")) == 1


def test_what_is_not_there_is_not_found() -> None:
    happens(3)
    ada = browser_of(ADA)
    row = EventRow.objects.first()
    assert row is not None
    for id in (uuid4(), row.event):
        for tail in ("", "sample.json", "sample.csv"):
            assert ada.get(f"/audit/sample/{id}/{tail}").status_code == 404
    page = ada.post("/audit/sample/", FORM)["Location"]
    assert ada.get(f"{page}sample.json").status_code == 404, "nothing is drawn yet"


def test_the_file_is_the_one_on_record_and_the_commands_draw_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path
    monkeypatch.chdir(folder)
    happens()
    ada = browser_of(ADA)
    page = asked(ada, seed="room 4")
    shown = unescape(text_of(ada.get(page)))
    answer = ada.get(f"{page}sample.json")
    [draw] = told("audit.sampled")
    assert hashlib.sha256(answer.content).hexdigest() == draw["data"]["sha256"]
    name = re.search(r'filename="([^"]+)"', answer["Content-Disposition"])
    assert name
    (folder / name[1]).write_bytes(answer.content)
    code = re.search(r'aria-label="commands that draw it again"><code>(.*?)</code>', shown, re.S)
    assert code
    key, log, check = code[1].splitlines()
    assert key == f"curl -s {settings.PORTAL_URL}/log/key > log.key"
    (folder / "log.key").write_text(log_identity.vkey())
    size = re.fullmatch(r"ata audit entries log.ndjson --size (\d+)", log)
    assert size
    tree = full_log.checkpoint_of(int(size[1]))
    (folder / "log.ndjson").write_bytes(b"".join(full_log.hand_out(OLU, tree)))
    done = CliRunner().invoke(app, check.split()[1:])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("seed", ["=1+1", "\N{FULLWIDTH EQUALS SIGN}1+1"])
def test_the_csv_names_the_draw_beside_each_index_and_runs_no_formula(seed: str) -> None:
    happens()
    ada = browser_of(ADA)
    page = asked(ada, seed=seed)
    ada.get(page)
    rows = list(csv.DictReader(io.StringIO(text_of(ada.get(f"{page}sample.csv")))))
    asked_for = EventRow.objects.get(action="audit.sample_asked")
    drawn = sample_from_its_events.find(asked_for.event).drawn
    assert drawn is not None
    assert [int(row["index"]) for row in rows] == list(drawn.indices)
    assert {row["root"] for row in rows} == {drawn.root.hex()}
    assert {row["seed"] for row in rows} == {f"'{seed}"}
    assert {row["drawn_from"] for row in rows} == {str(drawn.population)}
    assert drawn.left_out and {row["left_out"] for row in rows} == {str(drawn.left_out)}
    assert {row["undecided"] for row in rows} == {"0"}
