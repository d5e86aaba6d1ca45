"""Write the same events one by one and in bulk, as we do and as others do, in one run.

    python -m benchmarks.writing.measure [singles [bulk]]

Uses the database of the environment (its tables are made when missing) and needs
requirements-bench.txt. Prints one JSON object a line; `times_plain` is the processor time relative
to that of a plain insert. Ours is an entry of the ledger with salted commitments, its openings and
a search row with its words; the others write one more row. One by one, each is a transaction of its
own. django-auditlog does not see `bulk_create`, so in bulk it saves one by one in one transaction.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import django

from benchmarks.resources import Spent, spent

if TYPE_CHECKING:
    from audit.recording.record import Draft

ROUNDS = 3
_BATCH = 1000

type Writer = Callable[[Sequence[Draft]], None]


def main(singles: int, bulk: int) -> None:
    """Measure."""
    from django.core.management import call_command

    from benchmarks.events import drafts

    call_command("migrate", run_syncdb=True, verbosity=0)
    many = [draft for draft in drafts(0, max(singles, bulk), 1_000_000)]
    _compare("one by one", many[:singles], _singly())
    _compare("in bulk", many[:bulk], _in_bulk())


def _compare(how: str, drafts: Sequence[Draft], writers: dict[str, Writer]) -> None:
    total = {name: Spent() for name in writers}
    share = len(drafts) // ROUNDS
    for turn in range(ROUNDS):  # in turns, so that all have the same weather
        some = drafts[turn * share : (turn + 1) * share]
        for name, write in writers.items():
            with spent() as work:
                write(some)
            total[name].wall += work.wall
            total[name].cpu += work.cpu
    plain = total["plain insert"].cpu
    for name, work in total.items():
        line = {"measured": f"{name}, {how}", **work.line(share * ROUNDS)}
        print(json.dumps({**line, "times_plain": round(work.cpu / plain, 1)}), flush=True)


def _singly() -> dict[str, Writer]:
    from django.db import transaction

    from benchmarks.writing.models import Historic, Logged, Plain

    def creating(model: Any) -> Writer:
        def write(drafts: Sequence[Draft]) -> None:
            for draft in drafts:
                with transaction.atomic():
                    model.objects.create(**_columns(draft))

        return write

    return {
        "plain insert": creating(Plain),
        "django-auditlog": creating(Logged),
        "django-simple-history": creating(Historic),
        "Auth0-ATA record": _record,
    }


def _in_bulk() -> dict[str, Writer]:
    from django.db import transaction
    from simple_history.utils import bulk_create_with_history

    from benchmarks.writing.models import Historic, Logged, Plain

    def plain(drafts: Sequence[Draft]) -> None:
        Plain._default_manager.bulk_create(
            [Plain(**_columns(d)) for d in drafts], batch_size=_BATCH
        )

    def logged(drafts: Sequence[Draft]) -> None:
        with transaction.atomic():
            for draft in drafts:
                Logged._default_manager.create(**_columns(draft))

    def historic(drafts: Sequence[Draft]) -> None:
        things = [Historic(**_columns(draft)) for draft in drafts]
        bulk_create_with_history(things, Historic, batch_size=_BATCH)

    return {
        "plain insert": plain,
        "django-auditlog": logged,
        "django-simple-history": historic,
        "Auth0-ATA record_many": _record_many,
    }


def _record(drafts: Sequence[Draft]) -> None:
    from dataclasses import fields

    from audit.recording.record import Draft, record

    names = [field.name for field in fields(Draft) if field.name not in ("actor", "action", "id")]
    for draft in drafts:
        record(draft.actor, draft.action, **{name: getattr(draft, name) for name in names})


def _record_many(drafts: Sequence[Draft]) -> None:
    from dataclasses import replace

    from tests.support.recording import record_many

    for _ in record_many((replace(draft, id=None) for draft in drafts), batch=_BATCH):
        pass


def _columns(draft: Draft) -> dict[str, Any]:
    target = draft.target
    return {
        "actor": draft.actor.sub,
        "actor_name": draft.actor.name,
        "action": draft.action,
        "outcome": draft.outcome,
        "severity": draft.severity,
        "target_kind": target.kind if target else "",
        "target_name": target.name if target else "",
        "reason": draft.reason,
        "time": draft.time,
    }


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.writing.settings"
    django.setup()
    main(*[int(text) for text in (sys.argv[1:] + ["1500", "15000"][len(sys.argv) - 1 :])])
