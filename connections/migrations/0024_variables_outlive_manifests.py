"""What variables held is kept apart from manifests, so that it outlives a removed one."""

from django.db import migrations, models


def keep(apps, _schema_editor):
    manifest = apps.get_model("connections", "Manifest")
    held_variables = apps.get_model("connections", "HeldVariables")
    for row in manifest.objects.prefetch_related("needs"):
        held = {variable: set(known) for variable, known in row.held_variables.items()}
        for need in row.needs.all():
            own = "".join(c if c.isascii() and c.isalnum() else "_" for c in need.connection)
            variable = row.env.get(need.connection) or f"{own.upper()}_TOKEN"
            held.setdefault(variable, set()).add(need.connection)
        connections = {variable: sorted(held[variable]) for variable in sorted(held)}
        held_variables.objects.create(kind=row.kind, name=row.name, connections=connections)


def put_back(apps, _schema_editor):
    manifest = apps.get_model("connections", "Manifest")
    for row in apps.get_model("connections", "HeldVariables").objects.all():
        found = manifest.objects.filter(kind=row.kind, name=row.name)
        found.update(held_variables=row.connections)


class Migration(migrations.Migration):
    dependencies = [("connections", "0023_held_variables")]

    operations = [
        migrations.CreateModel(
            name="HeldVariables",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=30)),
                ("name", models.CharField(max_length=200)),
                ("connections", models.JSONField(default=dict)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["kind", "name"], name="held_variables_once")
                ],
            },
        ),
        migrations.RunPython(keep, put_back),
        migrations.RemoveField("manifest", "held_variables"),
    ]
