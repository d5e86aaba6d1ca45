"""A worker in a process of its own that compares everybody, told what to do line by line.

prepare N   know N people
found N     a search gives so many instead of Auth0's thousand
work S      run what is due S seconds from now; says `ran` and how
people S    the same with the walk through the directory
state       says what the database holds, as JSON
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

from tests.support.many_people import sub_of
from tests.support.migrated import on_server
from tests.support.tenant import CHECKOUT


class Worker:
    """Starts on the database that `own_database` made."""

    def __init__(self, issuer: str, var_dir: str, name: str) -> None:
        url = f"sqlite:///{name}"
        if server := os.environ.get("TEST_DATABASE_URL"):
            url = on_server(server, name)
        env = os.environ | {
            "AUTH0_ISSUER": issuer,
            "AUTH0_MGMT_CLIENT_SECRET": "a-secret-of-nobody",
            "VAR_DIR": var_dir,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "portal.settings",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=CHECKOUT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, line: str) -> None:
        """Give it something to do."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, line: str) -> Any:
        """Give it something to do and wait until it says that it is done."""
        self.tell(line)
        return self.hear()

    def hear(self) -> Any:
        """What it says when it is done with what it was told."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.communicate()


def main() -> None:
    """Obey until stdin ends."""
    import django

    django.setup()
    do = {"prepare": prepare, "found": found, "work": work, "people": people, "state": state}
    for line in sys.stdin:
        what, _, number = line.strip().partition(" ")
        print(json.dumps(do[what](number)))
        sys.stdout.flush()


def prepare(number: str) -> str:
    """People in the directory."""
    from django.conf import settings

    from approvals import clock
    from approvals.models import Person

    iss, now = settings.ENV.issuer, clock.now()
    Person.objects.bulk_create(
        (
            Person(iss=iss, sub=sub_of(n), name=f"Person {n}", updated=now)
            for n in range(Person.objects.count(), int(number))
        ),
        batch_size=1000,
    )
    return "ready"


def found(number: str) -> str:
    """How many people the directory finds at most."""
    from connections.sync import people_roles_and_enrolments

    vars(people_roles_and_enrolments)["MOST_FOUND"] = int(number)
    return "ready"


def work(seconds: str) -> dict[str, Any]:
    """Whatever is due then."""
    from connections.sync import connected_accounts

    return _due(connected_accounts.ACCOUNTS, connected_accounts.everybody, seconds)


def people(seconds: str) -> dict[str, Any]:
    """The directory, if it is due then."""
    from connections.sync import connected_accounts, people_roles_and_enrolments

    return _due(connected_accounts.PEOPLE, people_roles_and_enrolments.sync_people, seconds)


def _due(name: str, job: Any, seconds: str) -> dict[str, Any]:
    from approvals import clock
    from connections.models import Schedule
    from connections.sync import schedule

    ran = schedule.run_due({name: job}, clock.now() + timedelta(seconds=float(seconds)))
    row = Schedule.objects.get(name=name)
    wait = (row.due - clock.now()).total_seconds()
    return {"ran": ran, "wait": wait, "done": row.done, "total": row.total, "detail": row.detail,
            "finished": row.finished is not None, "after": row.after}  # fmt: skip


def state(_: str) -> dict[str, Any]:
    """Counts of everything that matters."""
    from approvals.models import Person
    from audit.models import EventRow
    from connections.models import ConnectedAccount, ReconcileRun

    events = EventRow.objects.filter(action="connection.reconciled")
    return {
        "people": Person.objects.count(),
        "admins": [person.sub for person in Person.objects.all() if person.roles],
        "accounts": ConnectedAccount.objects.count(),
        "states": sorted(ConnectedAccount.objects.values_list("state", flat=True).distinct()),
        "events": events.count(),
        "runs": [
            {
                "id": str(run.id),
                "finished": run.finished is not None,
                "done": run.done,
                "failed": run.failed,
                "resumed": run.resumed,
                "found": [run.appeared, run.vanished, run.scopes_changed, run.other],
                "events": events.filter(operation=str(run.id)).count(),
            }
            for run in ReconcileRun.objects.order_by("started")
        ],
        "cpu_s": time.process_time(),
        "rss_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


if __name__ == "__main__":
    main()
