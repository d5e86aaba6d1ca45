"""Gone at Auth0 is a state; rows from before it keep the state that their events told."""

from django.db import migrations, models

STATES = [
    ("connected", "connected"),
    ("needs_reconnect", "needs reconnect"),
    ("suspended", "suspended"),
    ("revocation_pending", "revocation finishing"),
    ("gone", "gone at Auth0"),
    ("revoked", "revoked"),
]


class Migration(migrations.Migration):
    dependencies = [("connections", "0019_allow_rule")]

    operations = [
        migrations.AlterField(
            "connectedaccount",
            "state",
            models.CharField(choices=STATES, default="connected", max_length=20),
        ),
    ]
