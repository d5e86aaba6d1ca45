"""`/audit/file/`: one audit from framework and period to the file and the workpaper."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, BinaryIO, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.permissions import actor, needs_role
from accounts.recent_sign_in.requirement import needs_fresh_sign_in
from audit import clock, coverage
from audit.audit_files import audit_scope, workpaper, zip_file
from audit.audit_files.audit_scope import (
    MOST_ITEMS,
    SAMPLE_SIZE,
    NotPossible,
    Scope,
    why_unanswered,
)
from audit.coverage import FRAMEWORKS, BadPeriod, Period
from audit.db import process_locks, request_database_time_budget
from audit.exports.xlsx import MEDIA_TYPE
from audit.ledger.audit_file_format.tables_of_range import REQUIREMENT
from audit.ledger.offline.samples import LONGEST_SEED, SampleError
from audit.ledger.packs.report_sentences import sentence
from audit.ledger.query import EventQuery
from audit.packs.verify_html import verifier

_READERS: Final = ("admin", "auditor")
_KEYS: Final = ("framework", "after", "before", "items", "seed", "others")
_CHOICES: Final = (7, 30, 90, 365)  # days
_UNASKED: Final = 90
_DAY: Final = timedelta(days=1)
_OTHERS: Final = {"with": True, "without": False}
_ANOTHER: Final = "Another audit file or workpaper is being made now. Try again in a few minutes."


@never_cache
@needs_role(*_READERS)
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Framework and period; then what the file will hold and what it discloses."""
    given = {key: request.GET.get(key, "").strip() for key in _KEYS}
    context: dict[str, Any] = {
        "given": given | {"items": given["items"] or str(SAMPLE_SIZE)},
        "frameworks": FRAMEWORKS,
        "crumbs": [{"text": "Compliance", "url": reverse("coverage")}, {"text": "Audit file"}],
        "most": MOST_ITEMS,
        "usual_items": str(SAMPLE_SIZE),
        "longest": LONGEST_SEED,
        "verifier_sha256": hashlib.sha256(verifier()).hexdigest(),
    }
    scope = None
    try:
        scope = _scope(given)
        context |= _outlook(scope, given)
        context["choices"] = _choices(scope.period)
        status = 200
    except (NotPossible, SampleError, BadPeriod) as error:
        context |= {"problem": sentence(str(error).removesuffix(".")), "choices": _choices(None)}
        context["nearest"] = _link_to_nearest(scope, given) if scope else {}
        status = 422 if any(given.values()) else 200
    return render(request, "audit/audit_file.html", context, status=status)


@never_cache
@needs_role(*_READERS)
@needs_fresh_sign_in()
@require_safe
def zip_download(request: HttpRequest) -> HttpResponseBase:
    """The ZIP; who took it, with its SHA-256, is recorded before the first byte is sent."""
    me = actor(request)

    def write(scope: Scope, file: BinaryIO) -> None:
        zip_file.record_download(me, zip_file.write(me, scope, clock.now(), file))

    return _send(request, write, "application/zip", "audit-{}.zip")


@never_cache
@needs_role(*_READERS)
@needs_fresh_sign_in()
@require_safe
def workpaper_download(request: HttpRequest) -> HttpResponseBase:
    """The workpaper of the same framework, period and tree; recorded as the ZIP is."""
    me = actor(request)

    def write(scope: Scope, file: BinaryIO) -> None:
        items = workpaper.write(scope, file)
        size, digest = zip_file.size_and_digest(file)
        facts = {"bytes": size, "sha256": digest, "items": items}
        zip_file.record_export(me, scope, "workpaper", facts)

    return _send(request, write, MEDIA_TYPE, "workpaper-{}.xlsx")


def _send(
    request: HttpRequest, write: Callable[[Scope, BinaryIO], None], media_type: str, name: str
) -> HttpResponseBase:
    given = {key: request.GET.get(key, "").strip() for key in (*_KEYS, "tree")}
    try:
        scope = _scope(given)
        start, end = scope.range
        named = f"{scope.framework.id}-{scope.within.after[:10]}-{start}-{end}"
        file = () if request.method == "HEAD" else _written(scope, write)
    except (NotPossible, SampleError, BadPeriod) as error:
        messages.error(request, f"No file was made: {error}")
        return redirect(f"{reverse('audit-file')}?{urlencode(_asked(given))}")
    saved_as = name.format(named)
    return FileResponse(file, as_attachment=True, filename=saved_as, content_type=media_type)


def _written(scope: Scope, write: Callable[[Scope, BinaryIO], None]) -> BinaryIO:
    """The file, written in whole before any of it is sent: what fails is answered with an error.

    A large range is read for longer than a request may wait for the database, and is bounded by
    what a file may hold: on the disk it has `MAX_UNPACKED_BYTES` at most. One is made at a time.

    Raises:
        NotPossible: another one is being made, or what `write` raises.
    """
    with ExitStack() as closing:
        file = closing.enter_context(tempfile.TemporaryFile())
        with process_locks.alone("audit_file") as held:
            if not held:
                raise NotPossible(_ANOTHER)
            with request_database_time_budget.without_counting():
                write(scope, file)
        closing.pop_all()
    file.seek(0)
    return file


def _scope(given: dict[str, str]) -> Scope:
    """The scope that a query string names.

    Raises:
        NotPossible, SampleError, BadPeriod: it names none; the message says why.
    """
    items = given["items"] or str(SAMPLE_SIZE)
    tree = given.get("tree", "")
    scope = audit_scope.scope(
        given["framework"] or FRAMEWORKS[0].id,
        _period(given),
        tree=int(tree) if tree.isascii() and tree.isdigit() and len(tree) < 16 else None,
        seed=given["seed"],
        sample_size=int(items) if items.isascii() and items.isdigit() and len(items) < 4 else 0,
        complete=_OTHERS.get(given["others"], False),
    )
    if given["after"] or given["before"] or _lists_events(scope):
        return scope
    nearest = _nearest(scope)
    return replace(scope, period=nearest[1]) if nearest else scope


def _period(given: Mapping[str, str]) -> Period:
    """Whole days, so that a page and what is downloaded from it later are of one period.

    Where nothing is asked it ends before today: only of a time that is over can a file prove that
    no row is missing. `_scope` takes the nearest one that lists an event where this one does not.
    """
    until = clock.now().date()
    after = str(until - timedelta(days=_UNASKED)) if not given["before"] else ""
    return Period.read(
        {"after": given["after"] or after, "before": given["before"] or str(until)}, clock.now()
    )


def _choices(chosen: Period | None) -> list[dict[str, Any]]:
    """Periods that end with yesterday, and last the usual one with today."""
    today = clock.now().date()
    offered = [(f"{days} days", days, today) for days in _CHOICES]
    offered.append((f"{_UNASKED} days up to now", _UNASKED, today + _DAY))
    found = []
    for label, days, end in offered:
        start = today - timedelta(days=days)
        on = chosen is not None and (chosen.start.date(), chosen.end.date()) == (start, end)
        found.append({"label": label, "after": str(start), "before": str(end), "on": on})
    return found


def _lists_events(scope: Scope) -> bool:
    """Whether a file can be made of the scope and has a row in one of its tables."""
    try:
        return bool(scope.range) and any(scope.counts().values())
    except NotPossible:
        return False


def _nearest(scope: Scope) -> tuple[str, Period] | None:
    """The nearest period that lists an event, with the label of the button that leads to it.

    First the same one with today, then the last days until yesterday, the fewest first, then these
    with today.
    """
    today = clock.now().date()
    offered: list[tuple[str, Period]] = []
    if scope.period.end.date() == today:
        offered.append(("Include today", replace(scope.period, end=scope.period.end + _DAY)))
    for end, more in ((today, ""), (today + _DAY, " and today")):
        for days in _CHOICES:
            dates = {"after": str(today - timedelta(days=days)), "before": str(end)}
            label = f"Use the last {days} days{more}"
            offered.append((label, Period.read(dates, clock.now())))
    useful = (one for one in offered if _lists_events(replace(scope, period=one[1])))
    return next(useful, None)


def _link_to_nearest(scope: Scope, given: Mapping[str, str]) -> dict[str, str]:
    """Label and address of the nearest period that lists an event; {} where there is none."""
    found = _nearest(scope)
    if found is None:
        return {}
    label, period = found
    dates = {"after": f"{period.start:%Y-%m-%d}", "before": f"{period.end:%Y-%m-%d}"}
    asked = _asked(given) | {"framework": scope.framework.id, **dates}
    return {"label": label, "url": f"?{urlencode(asked)}"}


def _outlook(scope: Scope, given: dict[str, str]) -> dict[str, Any]:
    """What the file will hold, before anything of it is made."""
    (start, end), counts = scope.range, scope.counts()
    asked = _asked(given) | {
        "framework": scope.framework.id,
        "after": scope.within.after[:10],
        "before": scope.within.before[:10],
        "tree": str(scope.tree.size),
    }
    opened = scope.opened(counts)
    rows = min(opened, end - start)
    populations = _populations(scope, counts)
    empty: dict[str, Any] = {}
    if not rows:
        empty = {"no_rows": _no_rows(scope), "nearest": _link_to_nearest(scope, given)}
    return {
        "scope": scope,
        "framework": scope.framework,
        "period": scope.period,
        "dates": _dates(scope.period),
        "today_added": not (given["after"] or given["before"])
        and scope.period.end.date() > clock.now().date(),
        **empty,
        "start": start,
        "last": end - 1,
        "entries": end - start,
        "rows": rows,
        "others": end - start - rows,
        "populations": [one for one in populations if one["rows"]],
        "without": [one for one in populations if not one["rows"]],
        "unanswered": [(one, why_unanswered(one)) for one in scope.unanswered],
        "items": scope.items(counts),
        "decided": given["others"] in _OTHERS,
        "download": urlencode(asked),
    }


def _populations(scope: Scope, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Each table of the file with its rows, and the items drawn from it; None where all count."""
    return [
        {
            "id": table.id,
            "title": table.title,
            "rows": counts[table.id],
            "is_sampled": table.kind == REQUIREMENT,
            "items": min(scope.sample_size, counts[table.id])
            if table.kind == REQUIREMENT
            else None,
        }
        for table in scope.tables
    ]


def _dates(period: Period) -> str:
    """The days of a period, first and last."""
    start, last = period.start, period.end - _DAY
    if start == last:
        return f"{last.day} {last:%b %Y}"
    year = "" if start.year == last.year else f" {start.year}"
    return f"{start.day} {start:%b}{year} to {last.day} {last:%b %Y}"


def _no_rows(scope: Scope) -> str:
    """What is on record of a period in which no table of the file has a row."""
    number = coverage.count([EventQuery()], scope.period).counted[0].n
    said = "No event on record happened in this period."
    if number:
        events = "1 event" if number == 1 else f"{number:,} events"
        said = f"{events} happened in this period. This file would list none of them."
    if scope.last_signed is not None:
        return said
    return f"{said} The file could still prove that no entry of the period is missing."


def _asked(given: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in given.items() if value}
