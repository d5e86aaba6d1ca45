from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    name = "connections"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from connections import (  # noqa: F401 - registers on import
            actions,
            allow_rule,
            effects,
            erasing,
            freezing,
            manifest_decisions,
            selection,
            sentences,
        )
        from connections.access import actions as applications  # noqa: F401 - registers on import
        from connections.escalation import actions as escalating  # noqa: F401 - registers on import
        from connections.just_in_time import actions as just_in_time  # noqa: F401 - registers on import
        from connections.reviews import actions as reviewing  # noqa: F401 - registers on import
        from connections.reviews import held  # noqa: F401 - registers on import

        sentences.register()
