"""Counts in four grains of time, by action and door too; the story of an operation by index.

On PostgreSQL the full-text index also knows in which block of the log a row lies.
"""

from django.db import migrations, models

from audit.search import fulltext_index, rollups


def count_again(apps, schema_editor):
    schema_editor.execute("DELETE FROM audit_rollup", params=None)
    statement = rollups.add_statement(schema_editor.connection.vendor, "seq IS NOT NULL")
    schema_editor.execute(statement, params=None)


def index_blocks(apps, schema_editor):
    for statement in fulltext_index.block_statements(schema_editor.connection.vendor):
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
