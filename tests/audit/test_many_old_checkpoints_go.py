"""However many old checkpoints there are, thinning holds few in memory and asks by index."""

from __future__ import annotations

import gc
import tracemalloc
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import clock
from audit.models import Checkpoint, Cosignature, TimeToken
from audit.sequencing import checkpoint_thinning

pytestmark = pytest.mark.django_db

_MANY = {
    "sqlite": """
        WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)
        INSERT INTO audit_checkpoint (size, root, note, created)
        SELECT 1000000 + n, zeroblob(32), 'x', datetime(%s, '+' || n || ' seconds') FROM numbers
    """,
    "postgresql": """
        INSERT INTO audit_checkpoint (size, root, note, created)
        SELECT 1000000 + n, decode(repeat('00', 32), 'hex'), 'x', v.begin + n * interval '1 second'
        FROM (SELECT %s::int AS many, %s::timestamptz AS begin) v, generate_series(1, v.many) n
    """,
}


def signed_each_second(many: int) -> None:
    """Checkpoints of past weeks; as with the sequencer, time rises with the id."""
    begin = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    begin -= timedelta(days=9, seconds=many)
    with connection.cursor() as cursor:
        cursor.execute(_MANY[connection.vendor], [many, f"{begin:%Y-%m-%d %H:%M:%S}"])


def peak_of(many: int) -> int:
    """Bytes in memory at once while those of `many` are removed that go."""
    signed_each_second(many)
    # Cycles are looked for the more rarely, the more there is in memory: leave out what was there.
    gc.collect()
    gc.freeze()
    gc.collect()
    tracemalloc.start()
    try:
        done = checkpoint_thinning.run()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    assert done is not None and done.removed >= many - 2 * (many // 3600 + 2)
    return peak


def test_memory_is_the_same_for_few_and_for_many() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("what libpq holds is not counted; what the portal itself holds is the same")
    some = peak_of(5_000)
    assert peak_of(10_000) < 1.2 * some


def test_only_the_first_young_checkpoints_are_read_by_their_ids() -> None:
    signed_each_second(20)
    with CaptureQueriesContext(connection) as asked:
        assert checkpoint_thinning.run() == checkpoint_thinning.Thinned(removed=17, kept=3)
    of_all = [
        one["sql"]
        for one in asked
        if one["sql"].startswith("SELECT")
        and 'FROM "audit_checkpoint"' in one["sql"]
        and "LIMIT" not in one["sql"]
        and '"audit_checkpoint"."id" IN' not in one["sql"]
    ]
    assert of_all == []


def test_old_checkpoints_behind_a_younger_one_are_not_counted() -> None:
    now = clock.now()
    for size, days in ((1, 9), (2, 1), (3, 9)):  # somebody set the clock back
        Checkpoint.objects.create(
            size=size, root=bytes(32), note="x", created=now - timedelta(days=days)
        )
    assert checkpoint_thinning.run() == checkpoint_thinning.Thinned(removed=0, kept=1)


def test_what_others_hold_is_asked_for_by_index() -> None:
    sizes = list(range(1, 500))
    for rows in (
        Cosignature.objects.filter(size__in=sizes).values_list("size", flat=True),
        TimeToken.objects.filter(size__in=sizes).values_list("size", flat=True),
        Checkpoint.objects.filter(id__gt=7).order_by("id").values_list("id", "size")[:500],
    ):
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":  # a nearly empty table would be read whole
                cursor.execute("SET LOCAL enable_seqscan = off")
        plan = rows.explain().lower()
        assert "index" in plan or "primary key" in plan, plan
