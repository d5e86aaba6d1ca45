"""Routes of a person's page."""

from __future__ import annotations

from django.urls import path

from portal.people import access_end_page, offboarding_page, views

urlpatterns = [
    path("people/<int:person_id>/", views.person, name="person"),
    path(
        "people/<int:person_id>/access-end/", access_end_page.access_end, name="person-access-end"
    ),
    path("people/<int:person_id>/offboard/", offboarding_page.offboard, name="person-offboard"),
]
