"""Insert-only triggers and the full-text index, on either engine."""

from django.db import migrations

from audit.migrations import _insert_only

TABLES = (
    "audit_event",
    "audit_entry",
    "audit_tile",
    "audit_checkpoint",
    "audit_cosignature",
    "audit_evidenceitem",
)
# Those of later migrations go with these backwards: there is one function for all.
LATER = ("audit_importedrow", "audit_timetoken", "audit_repeatedtag")
INDEX = {
    "sqlite": (
        "CREATE VIRTUAL TABLE audit_fts USING fts5(terms, content='', detail='none', "
        "columnsize=0, tokenize=\"ascii tokenchars '_'\")"
    ),
    "postgresql": (
        "ALTER TABLE audit_eventrow ADD COLUMN words tsvector GENERATED ALWAYS AS "
        "(array_to_tsvector(string_to_array(btrim(terms), ' '))) STORED; "
        "CREATE INDEX audit_row_terms ON audit_eventrow USING gin (words) WHERE seq IS NOT NULL"
    ),
}
DROP_INDEX = {
    "sqlite": "DROP TABLE audit_fts",
    "postgresql": "ALTER TABLE audit_eventrow DROP COLUMN words",
}


def forwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in _insert_only.create(vendor, *TABLES):
        schema_editor.execute(statement, params=None)
    schema_editor.execute(INDEX[vendor], params=None)


def backwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    schema_editor.execute(DROP_INDEX[vendor], params=None)
    for statement in _insert_only.drop(vendor, *TABLES, *LATER):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
