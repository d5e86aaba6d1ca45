"""Just-in-time settings over the API: read them, set one (ADR 8)."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, JsonResponse
from ninja import Field, Router
from pydantic import BeforeValidator, ConfigDict

from accounts.bearer import caller
from api import openapi, schemas
from api.problems import Problem
from approvals import clock
from approvals.api import idempotency, post_decision_and_requests
from connections import permissions
from connections.api import connection_schemas
from connections.component_manifests import manifest_store
from connections.idle_access import change_setting_and_wake_account as idle_access
from connections.idle_access.change_setting_and_wake_account import SettingParams
from connections.idle_access.idle_and_hours_setting_types import LONGEST_IDLE_H, Setting
from connections.models import JustInTime
from connections.scopes import catalogue

router = Router(tags=["Connections"])


def _whole(value: object) -> object:
    """`24.0` is an integer of JSON Schema (draft 2020-12, 4.2.2)."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class SettingIn(SettingParams):
    """The whole new setting; what is left out is not set."""

    model_config = ConfigDict(extra="forbid", strict=True)

    idle_h: Annotated[int, Field(ge=1, le=LONGEST_IDLE_H), BeforeValidator(_whole)] | None = None
    reason: str = Field("", max_length=2000)


@router.get(
    "/connections/settings",
    operation_id="portal_api_connection_settings_settings",
    summary="Just-in-time settings: when connections sleep, and who wakes them",
    response=connection_schemas.SettingList,
    openapi_extra=openapi.may(403),
)
def settings(request: HttpRequest) -> JsonResponse:
    """Those that are set, for admins and auditors."""
    if not caller(request).actor.roles & permissions.SEES_ALL:
        raise Problem(403, "not_permitted", "Settings are for admins and auditors.")
    return JsonResponse({"items": [_one(row) for row in JustInTime.objects.all()]})


def _one(row: JustInTime) -> dict[str, object]:
    setting = Setting.read(row.as_json())
    return {
        "connection": row.name,
        **setting.as_json(),
        "sentence": setting.in_words(catalogue.title(row.name)),
        "changed_at": clock.stamp(row.changed_at),
    }


@router.put(
    "/connections/settings/{connection}",
    operation_id="portal_api_connection_settings_set_one",
    summary="Set when a connection sleeps: at once where that is tighter, else ask",
    response={200: schemas.NothingToDoOut, 201: schemas.CommittedOut, 202: schemas.WaitingOut},
    openapi_extra=openapi.may(403, 409) | {"parameters": [idempotency.HEADER]},
)
def set_one(
    request: HttpRequest,
    connection: Annotated[str, Field(max_length=128, pattern=manifest_store.CONNECTION)],
    body: SettingIn,
) -> JsonResponse:
    """Answers as `POST /v1/decisions`: 201 where it restricts, 202 where it relaxes."""
    if "admin" not in caller(request).actor.roles:
        raise Problem(403, "not_permitted", "Settings are changed by admins.")
    params = body.model_dump(mode="json", exclude={"reason"}, exclude_none=True)
    return post_decision_and_requests.decide(
        request,
        post_decision_and_requests.DecisionIn(
            verb=idle_access.verb_for(connection, idle_access.wanted(params)),
            target=post_decision_and_requests.TargetIn(
                kind=idle_access.KIND, name=connection, instance=""
            ),
            reason=body.reason,
            severity=None,
            finding_id=None,
            params=params,
        ),
    )
