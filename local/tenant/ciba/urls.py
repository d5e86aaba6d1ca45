"""Auth0's CIBA paths, and the phone's."""

from __future__ import annotations

from django.urls import path

from local.tenant.ciba import views
from local.tenant.ciba.phone import mail_views, phone_views

urlpatterns = [
    path("bc-authorize", views.bc_authorize, name="bc-authorize"),
    path("rich-consents/<str:consent_id>", views.rich_consent, name="rich-consent"),
    path("bc-verify", mail_views.verify, name="bc-verify"),
    path("phone/", phone_views.phones, name="phones"),
    path("phone/<str:person>/", phone_views.phone, name="phone"),
    path("phone/<str:person>/feed", phone_views.feed, name="phone-feed"),
    path("phone/<str:person>/pick-up", phone_views.pick_up, name="phone-pick-up"),
    path("phone/<str:person>/put-down", phone_views.put_down, name="phone-put-down"),
    path("phone/<str:person>/<str:consent_id>/approve", phone_views.approve, name="phone-approve"),
    path("phone/<str:person>/<str:consent_id>/deny", phone_views.deny, name="phone-deny"),
]
