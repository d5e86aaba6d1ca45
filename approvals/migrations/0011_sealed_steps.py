from typing import Any

from django.db import migrations, models

from audit.evidence import row_seals

_SEALED = (
    *("kind", "verb", "event", "operation", "actor", "target_kind", "target_name"),
    *("instance", "severity", "intent_hash", "payload"),
)


def seal(apps: Any, schema_editor: Any) -> None:
    """Steps that an older release committed and that are not done go on."""
    model = apps.get_model("approvals", "Effect")
    rows = model.objects.using(schema_editor.connection.alias)
    for effect in list(rows.exclude(state="done")):
        said = {name: getattr(effect, name) for name in _SEALED}
        said |= {"id": str(effect.pk), "approval": str(effect.approval_id or "")}
        rows.filter(pk=effect.pk).update(seal=row_seals.seal("ata.step.v1", said))


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0010_sealed_erasures'),
    ]

    operations = [
        migrations.AddField(
            model_name='effect',
            name='seal',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.RunPython(seal, migrations.RunPython.noop),
    ]
