from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "portal.identity"
    label = "identity"

    def ready(self) -> None:
        """Teach the trail the words of this room."""
        from portal.identity import erasing, refusal_words  # noqa: F401
        from portal.identity.breakglass import break_glass_sentences  # noqa: F401
