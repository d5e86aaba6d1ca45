"""The phone and the mail on which people answer."""
