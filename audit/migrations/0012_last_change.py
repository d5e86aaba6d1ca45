from django.db import migrations, models


def begin(apps, schema_editor):
    apps.get_model("audit", "LastChange").objects.create(id=1, mark="first")


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0011_erased_exports"),
    ]

    operations = [
        migrations.CreateModel(
            name="LastChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("mark", models.CharField(max_length=36)),
            ],
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
