"""What the examined pages show: one of each state, with names as long as people make them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
from playwright.sync_api import expect

from approvals.policy.policy_in_force import default
from tests.access.routes import Samples
from tests.audit import imports
from tests.stories.house import House, fresh
from tests.stories.member import connect
from tests.stories.passkeys import arrive_freshly, make_passkey, plug_in
from tests.support.chrome import Person
from tests.support.stack import eventually

LONG = "quarterly-financial-consolidation-and-forecast-assistant-with-write-access.v2"


@dataclass(frozen=True)
class World:
    """Addresses to open."""

    samples: Samples
    event: str
    skill: str
    job: str
    run: str

    @property
    def variants(self) -> dict[str, list[str]]:
        """Further states of pages that one address has, by the route's text."""
        return {
            "audit/": [
                f"/audit/?action=approval.approved&e={self.event}",
                "/audit/?outcome=denied&-action=skill.*&q=nothing-at-all",
                "/audit/?outcom=denied&live=1&human=H2",
            ],
            "audit/exports/new/": ["/audit/exports/new/?action=approval.denied&-outcome=success"],
        }


def prepare(house: House) -> World:
    """Make what is missing, through the portal's own pages and gateways."""
    skill = fresh(LONG)
    house.stack.drop_malicious_skill(skill)
    auditor = house.visit("auditor", "/audit/exports/new/?action=approval.denied")
    job = _export(auditor)
    run = _verification(house, auditor)
    view = _saved_view(auditor, house)
    sample = _sample(auditor, house)
    _suspended(house)
    _escalated(house)
    reviews = _reviews(house)
    eventually(lambda: house.stack.enforced("laptop-mia").get(skill), "a hold at laptop-mia")
    approvals = _one_each(house, "approvals_approval", "status || outcome")
    accounts = _one_each(house, "connections_connectedaccount", "state")
    events = [
        _event(house, "WHERE action = 'approval.approved' ORDER BY seq DESC"),
        _event(house, "WHERE action = 'approval.denied' ORDER BY seq DESC"),
        _event(house, "WHERE action = 'skill.held' ORDER BY seq DESC"),
        _event(house, "ORDER BY length(sentence) DESC"),
    ]
    (finding,) = house.stack.rows("SELECT max(id) AS pk FROM enforcement_finding")
    (person,) = house.stack.rows("SELECT max(actor_key) AS key FROM audit_eventrow")
    samples: dict[tuple[str, ...], list[tuple[str, ...]]] = {
        ("event_id",): [(event,) for event in events],
        ("run_id",): [(run,)],
        ("job_id",): [(job,)],
        ("view_id",): [(view,)],
        ("sample_id",): [(sample,)],
        ("approval_id",): [(id,) for id in approvals],
        ("account_id",): [(id,) for id in accounts],
        ("account_id", "allowance_id"): [(accounts[0], accounts[0])],
        ("review_id",): [one[:1] for one in reviews],
        ("review_id", "item_id"): reviews,
        ("digest",): [(digest,) for digest in _evidence(house)],
        ("policy_digest",): [(default().digest,)],
        ("handle",): [(_passkey(house),)],
        ("need_id",): [("1",)],
        ("person_id",): [(_person_with_access(house),)],
        ("row_id",): [(_set_aside(house),)],
        ("access_id",): [(accounts[0],)],
        ("step",): [(accounts[0],)],
        ("public_id",): [("none",)],
        ("name",): [("laptop-mia",)],
        ("instance",): [("laptop-mia",)],
        ("connection",): [("slack",)],
        ("pk",): [(str(finding["pk"]),)],
        ("subject",): [(str(person["key"]),)],
        ("erasure_id",): [(accounts[0],)],
        ("kind", "name"): [("skill", skill), ("mcp", "shadow-fs"), ("tool", f"@codex/{LONG}")],
    }
    return World(samples, events[0], skill, job, run)


def _person_with_access(house: House) -> str:
    """Somebody with a connected account."""
    rows = house.stack.rows(
        "SELECT max(p.id) AS id FROM approvals_person p"
        " JOIN connections_connectedaccount a ON a.sub = p.sub"
    )
    return str(rows[0]["id"])


def _evidence(house: House) -> list[str]:
    """One body of each kind that there is; that of the oldest token has been released."""
    query = "SELECT min(digest) AS digest FROM audit_evidenceitem GROUP BY kind"
    return [str(row["digest"]) for row in house.stack.rows(query)]


def _export(auditor: Person) -> str:
    page = auditor.page
    page.get_by_role("button", name="Make it in the background").click()
    page.wait_for_url(re.compile(r"/audit/exports/[0-9a-f-]{36}/"))
    expect(page.get_by_role("link", name="Download", exact=True)).to_be_visible()
    return page.url.rstrip("/").rpartition("/")[2]


def _saved_view(auditor: Person, house: House) -> str:
    """A view with a long name, of the auditor and shared; its page is its owner's."""
    page = auditor.page
    page.goto(house.url("/audit/?outcome=denied&-action=skill.*"))
    page.get_by_role("link", name="Save this view").click()
    page.get_by_role("main").get_by_label("Name", exact=True).fill(LONG)
    page.get_by_label("Everyone who may read the trail").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was saved for everyone who reads the trail.")).to_be_visible()
    rows = house.stack.rows("SELECT id FROM audit_savedview ORDER BY created DESC")
    return str(UUID(str(rows[0]["id"])))


def _sample(auditor: Person, house: House) -> str:
    """A sample with a long seed, drawn."""
    page = auditor.page
    page.goto(house.url("/audit/sample/?outcome=success"))
    page.get_by_label("Seed").fill(LONG)
    page.get_by_role("button", name="Draw the sample").click()
    expect(page.get_by_role("heading", name=re.compile("Sample of 25 events"))).to_be_visible()
    return page.url.rstrip("/").rpartition("/")[2]


def _verification(house: House, auditor: Person) -> str:
    page = auditor.page
    page.goto(house.url("/audit/ledger/"))
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("heading", name="Verified up to")).to_be_visible(timeout=60_000)
    return page.url.rstrip("/").rpartition("/")[2]


def _set_aside(house: House) -> str:
    """A row of an import without a time, in a table of DefenseClaw's, with a long id."""
    path = house.stack.var_dir / "set-aside.db"
    imports.change(path, "CREATE TABLE audit_events (id, timestamp, action, target, actor)")
    imports.insert(path, "audit_events", id=LONG, action="scan", target=LONG, actor="x")
    command = ("manage.py", "import_defenseclaw", str(path), "--instance", "laptop-mia")
    done = house.stack.run(*command)
    assert done.returncode == 0, done.stderr
    (row,) = house.stack.rows("SELECT max(id) AS id FROM audit_quarantinedrow")
    return str(row["id"])


def _suspended(house: House) -> None:
    """A connection with a long name that an admin suspended, and that its owner hears of."""
    member = house.visit("member2")
    path = connect(member.page, house, "slack", "Slack", f"{fresh('milo')}-{LONG}"[:70])
    admin = house.visit("admin", path)
    admin.page.get_by_role("button", name="Suspend").first.click()
    expect(admin.page.get_by_text("suspended", exact=False).first).to_be_visible()


def _escalated(house: House) -> None:
    """A component that asked for more than its manifest declares, named as long as can be."""
    ata = house.command_line("operator").signed_in()
    token = json.loads(ata.session.read_text())["access_token"]
    answer = httpx.get(
        house.url("/v1/auth/token?connection=github"),
        headers={
            "Authorization": f"Bearer {token}",
            "ATA-Agent": LONG,
            "ATA-Skill": "mcp:github-mcp",
            "ATA-Scopes": "repo delete_repo admin:org",
        },
    )
    assert answer.json()["code"] == "scope_escalation_pending", answer.text


def _reviews(house: House) -> list[tuple[str, ...]]:
    """A review that waits for owners, and a closed one with a decision; an account of each."""
    admin = house.visit("admin")
    open_review(admin, house, f"{LONG} 1", "owners")
    review = open_review(admin, house, f"{LONG} 2", "admins")
    admin.page.get_by_role("link", name="Decide on").click()
    admin.page.get_by_label("Reason").fill(f"{LONG} needs it")
    admin.page.get_by_role("button", name="Keep").click()
    admin.page.goto(house.url(f"/connections/reviews/{review}/"))
    admin.page.get_by_role("button", name="Close and sign").click()
    expect(admin.page.get_by_role("link", name="Signed result")).to_be_visible()
    rows = house.stack.rows(
        "SELECT review_id AS review, min(id) AS item FROM connections_reviewitem "
        "GROUP BY review_id, choice"
    )
    return [(str(UUID(row["review"])), str(UUID(row["item"]))) for row in rows]


def open_review(admin: Person, house: House, title: str, reviewers: str) -> str:
    """Open an access review of every account on the page; its id."""
    page = admin.page
    page.goto(house.url("/connections/reviews/new/"))
    page.get_by_label("Title").fill(title)
    page.locator("#due").fill(_in_a_week())
    page.locator(f"[name=reviewers][value={reviewers}]").check()
    if reviewers == "admins":
        for tick in page.locator("[name=admins]").all():
            tick.check()
    page.get_by_role("button", name="Take snapshot and start").click()
    page.wait_for_url(re.compile(r"/connections/reviews/[0-9a-f-]{36}/"))
    return page.url.rstrip("/").rpartition("/")[2]


def _in_a_week() -> str:
    return (datetime.now(UTC) + timedelta(days=7)).date().isoformat()


def _passkey(house: House) -> str:
    """The handle of a passkey with a long name."""
    page = arrive_freshly(house, "operator", "/account/passkeys/new/")
    plug_in(page)
    make_passkey(page, house, LONG[:60])
    (row,) = house.stack.rows("SELECT max(handle) AS handle FROM approvals_passkey")
    return str(row["handle"])


def _one_each(house: House, table: str, state: str) -> list[str]:
    rows = house.stack.rows(f"SELECT max(id) AS id FROM {table} GROUP BY {state}")
    return [str(UUID(row["id"])) for row in rows]


def _event(house: House, which: str) -> str:
    (row,) = house.stack.rows(f"SELECT event FROM audit_eventrow {which} LIMIT 1")
    return str(UUID(row["event"]))
