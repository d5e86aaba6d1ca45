from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "accounts"
    label = "identity"

    def ready(self) -> None:
        """Register what erases accounts, and the sentences of refusals."""
        from accounts import erasure, refusal_sentences  # noqa: F401
        from accounts.break_glass import break_glass_sentences  # noqa: F401
