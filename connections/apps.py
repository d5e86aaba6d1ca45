from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    name = "connections"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from connections import erasure, event_sentences  # noqa: F401 - registers on import
        from connections.access_reviews import decisions as access_reviews  # noqa: F401
        from connections.access_reviews import ledger_check  # noqa: F401
        from connections.application_grants import decisions as applications  # noqa: F401
        from connections.idle_access import decisions as idle_access  # noqa: F401
        from connections.lifecycle import bulk, decisions, freezes  # noqa: F401
        from connections.manifests import allow_rule  # noqa: F401
        from connections.manifests import decisions as manifests  # noqa: F401
        from connections.revocation import remote_steps  # noqa: F401
        from connections.scope_escalation import decisions as scope_escalation  # noqa: F401

        event_sentences.register()
