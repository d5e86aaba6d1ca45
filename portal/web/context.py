"""What surrounds every page: the trust strip and the navigation."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, Any]:
    """`trust` and `nav` for base.html."""
    return {"trust": {}, "nav": []}
