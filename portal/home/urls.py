"""Home and the style guide."""

from __future__ import annotations

from django.conf import settings
from django.urls import path

from portal.home import views

urlpatterns = [path("", views.home, name="home")]
if not settings.PRODUCTION:
    urlpatterns.append(path("styleguide/", views.styleguide, name="styleguide"))
