"""Counts in four grains of time, by action and door too; the story of an operation by index.

On PostgreSQL the full-text index also knows in which block of the log a row lies.
"""

from django.db import migrations, models

SECONDS = {
    # Without the fraction, which SQLite rounds: the last half millisecond is of the next hour then.
    "sqlite": "CAST(strftime('%s', substr(time, 1, 19)) AS INTEGER)",
    "postgresql": "floor(extract(epoch FROM time))::bigint",
}
# Both engines truncate towards zero; a time before 1970 has to go down.
COUNT = """
INSERT INTO audit_rollup (grain, start, action, source, outcome, severity, human, via, n)
SELECT g.grain, x.hour - (x.hour % g.grain + g.grain) % g.grain AS start,
  action, source, outcome, severity, human, via, sum(x.n)
FROM (
  SELECT (SECONDS - (SECONDS % 3600 + 3600) % 3600) / 3600 AS hour,
    action, source, outcome, severity, human, via, count(*) AS n
  FROM audit_eventrow WHERE seq IS NOT NULL
  GROUP BY 1, action, source, outcome, severity, human, via
) x CROSS JOIN (
  SELECT 672 AS grain UNION ALL SELECT 168 UNION ALL SELECT 24 UNION ALL SELECT 1
) g
GROUP BY g.grain, 2, action, source, outcome, severity, human, via
"""
BLOCKS = (
    "DROP INDEX audit_row_terms",
    "CREATE INDEX audit_row_terms ON audit_eventrow USING gin (words, (ARRAY[seq >> 16])) "
    "WITH (gin_pending_list_limit = 64) WHERE seq IS NOT NULL",
)


def count_again(apps, schema_editor):
    schema_editor.execute("DELETE FROM audit_rollup", params=None)
    seconds = SECONDS[schema_editor.connection.vendor]
    schema_editor.execute(COUNT.replace("SECONDS", seconds), params=None)


def index_blocks(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for statement in BLOCKS:
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_exports")]
    operations = [
        migrations.DeleteModel(name="Rollup"),
        migrations.CreateModel(
            name="Rollup",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("grain", models.PositiveSmallIntegerField()),
                ("start", models.IntegerField()),
                ("action", models.TextField()),
                ("source", models.TextField()),
                ("outcome", models.TextField()),
                ("severity", models.PositiveSmallIntegerField()),
                ("human", models.CharField(max_length=2)),
                ("via", models.TextField()),
                ("n", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("grain", "start", "action", "source", "outcome", "severity", "human", "via"),
                        name="audit_rollup_once",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="eventrow",
            index=models.Index(
                condition=models.Q(("operation", ""), _negated=True),
                fields=["operation", "event"],
                name="audit_row_story",
            ),
        ),
        migrations.RunPython(count_again, migrations.RunPython.noop),
        migrations.RunPython(index_blocks, migrations.RunPython.noop),
    ]
