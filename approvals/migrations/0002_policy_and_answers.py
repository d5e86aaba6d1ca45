"""The policy as data, answers of an ask by more than one channel, and the key of an open request."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="PolicyVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("document", models.JSONField()),
                ("event_id", models.UUIDField(null=True)),
                ("approval", models.CharField(blank=True, max_length=36)),
                ("operation", models.CharField(blank=True, max_length=36)),
                ("created", models.DateTimeField()),
                ("author", models.JSONField(default=dict)),
            ],
        ),
        migrations.AddField(
            model_name="approval",
            name="open_key",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="ask",
            name="answers",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="ask",
            name="channel",
            field=models.CharField(
                choices=[
                    ("ciba", "by phone"),
                    ("passkey", "with a passkey"),
                    ("both", "by phone and with a passkey"),
                    ("either", "by phone or with a passkey"),
                ],
                default="ciba",
                max_length=7,
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.UniqueConstraint(
                condition=models.Q(("open_key", ""), _negated=True),
                fields=("open_key",),
                name="one_open_approval_per_request",
            ),
        ),
    ]
