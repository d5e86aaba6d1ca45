"""Enrolled passkeys."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0002_policy_and_answers"),
    ]

    operations = [
        migrations.CreateModel(
            name="Passkey",
            fields=[
                (
                    "handle",
                    models.CharField(
                        editable=False, max_length=22, primary_key=True, serialize=False
                    ),
                ),
                ("credential_id", models.TextField(unique=True)),
                ("public_key", models.BinaryField()),
                ("algorithm", models.IntegerField()),
                ("rp_id", models.CharField(max_length=255)),
                ("origins", models.JSONField(default=list)),
                ("name", models.CharField(max_length=60)),
                ("transports", models.JSONField(default=list)),
                ("backed_up", models.BooleanField(default=False)),
                ("attestation", models.CharField(max_length=10)),
                ("sign_count", models.BigIntegerField(default=0)),
                ("enrolled", models.DateTimeField()),
                ("enrolled_by", models.CharField(max_length=36)),
                ("last_used", models.DateTimeField(null=True)),
                ("approver_since", models.DateTimeField(null=True)),
                ("confirmed_by", models.CharField(blank=True, max_length=36)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("revoked_by", models.CharField(blank=True, max_length=36)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="passkeys",
                        to="approvals.person",
                    ),
                ),
            ],
            options={
                "ordering": ("enrolled", "handle"),
            },
        ),
    ]
