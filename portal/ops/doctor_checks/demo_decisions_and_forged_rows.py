"""What happened at gateways of one's own that no operator decided."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from approvals.models import Effect
from audit.models import EventRow
from enforcement.gateways import instances
from portal.ops.doctor_checks.leftover_type import Leftover

_OPPOSITE = {"block": "allow", "hold": "allow", "allow": "block"}


def check_sample_decisions() -> Iterator[Leftover]:
    """Decisions of the sample data that were carried out at gateways that are no DEMO ones."""
    marker = Path(settings.VAR_DIR) / "first-start-done"
    own = [one.name for one in instances.fleet().instances if not one.demo]
    if not own or not marker.exists():
        return
    done_at = datetime.fromtimestamp(marker.stat().st_mtime, UTC)
    effects = Effect.objects.filter(instance__in=own, created__lte=done_at).order_by("created")
    for effect in effects:
        _, _, act = effect.verb.partition(".")
        back = "unblock" if act in {"block", "hold"} else "block"
        yield Leftover(
            "sample decisions",
            f"{effect.instance}: the sample data's {effect.verb} of {effect.target_kind} "
            f"{effect.target_name} was sent to it.",
            f"Decide: ata {effect.target_kind} {back} {effect.target_name} "
            f"--instance {effect.instance}",
        )


def check_forged_rows() -> Iterator[Leftover]:
    """Imported rows that repeat the operation of a decision, but say the opposite of it."""
    rows = EventRow.objects.filter(source="defenseclaw").exclude(operation="")
    for row in rows.order_by("recorded_at").iterator():
        act = next((each for each in ("unblock", "block", "allow") if each in row.action), "")
        verbs = Effect.objects.filter(operation=row.operation).values_list("verb", flat=True)
        decided = {verb.partition(".")[2] for verb in verbs}
        if act and any(_OPPOSITE.get(one) == act for one in decided):
            yield Leftover(
                "forged rows",
                f"Event {row.event}: {row.instance} logged {act!r} of {row.target_name} with the "
                f"id of a decision to {', '.join(sorted(decided))} it.",
                "Look at the gateway for who wrote it, and decide about it again. The event stays: "
                "nothing of the log is changed.",
            )
