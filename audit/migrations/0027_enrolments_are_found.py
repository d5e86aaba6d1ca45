from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0026_push_progress"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="eventrow",
            index=models.Index(
                condition=models.Q(
                    (
                        "action__in",
                        (
                            "outpost.contested",
                            "outpost.key_enrolled",
                            "outpost.resumed",
                            "outpost.revoked",
                            "outpost.suspended",
                            "passkey.enrolled",
                            "passkey.revoked",
                        ),
                    )
                ),
                fields=["target_name", "event"],
                name="audit_row_enrolments",
            ),
        ),
    ]
