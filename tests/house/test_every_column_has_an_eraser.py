"""Every column that could hold a word about somebody is erased with them, or says why not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.apps import apps
from django.db import models

from audit.erasure import subject_and_store_registry

_HOLDS = (
    models.CharField,
    models.TextField,
    models.JSONField,
    models.BinaryField,
    models.GenericIPAddressField,
)

IDS = "opaque ids, hashes, codes and states of our own making, and the issuer's address"
CLEAR = "names of components, agents, connections and gateways, which entries say in clear too"
DJANGO = "Django's own names"
LOG = "the log itself: commitments, codes and opaque ids"
NOBODY = "about nobody: a peer, a schedule, a feed or a setting"
KEY = "the subject key, which names a person only to whoever knows them already"
SEALED = "sealed, and gone when it expires"
LOCAL = "a break-glass account is no person of the issuer; `manage.py breakglass remove` ends it"

KEPT: Final[tuple[tuple[str, str, str], ...]] = (
    ("auth.Permission", "name codename", DJANGO),
    ("auth.Group", "name", DJANGO),
    ("contenttypes.ContentType", "app_label model", DJANGO),
    ("identity.User", "iss", IDS),
    ("identity.SignedInSession", "public_id id_token_digest", IDS),
    ("identity.SeenLogoutToken", "jti", IDS),
    ("identity.BreakGlassTries", "whose", "HMACs under EVIDENCE_KEY, gone after minutes"),
    ("identity.SeenRefusal", "what bucket", "HMACs under SECRET_KEY, gone after ten minutes"),
    ("identity.CommandLineSignIn", "iss id_token_digest", IDS),
    ("identity.BreakGlassAccount", "name secret_mac totp_sealed recovery_macs", LOCAL),
    ("audit.Event", "entry leaf_hash", LOG),
    ("audit.Openings", "subject", KEY),
    ("audit.EvidenceItem", "digest kind subject name", KEY),
    ("audit.ExportJob", "owner person", KEY),
    ("audit.ExportJob", "format state root checkpoint sha256", IDS),
    ("audit.ExportBlock", "format seal", IDS),
    ("audit.ImportedRow", "digest instance table row_id", "ids of another system's rows"),
    ("audit.PushProgress", "instance run sessions", "ids of another system's sessions"),
    ("audit.RowForm", "form digest", "ids of another system's rows"),
    ("audit.QuarantinedRow", "instance table reason digest", IDS),
    ("audit.RepeatedTag", "tag row_id", IDS),
    ("audit.EventRow", "action family outcome source instance roles target_kind", LOG),
    ("audit.EventRow", "connection agent skill approval operation session request via human", LOG),
    ("audit.Rollup", "action source outcome human via", "counts of codes"),
    ("audit.TimeToken", "root authority response", NOBODY),
    ("audit.Tile", "hashes root", LOG),
    ("audit.Checkpoint", "root note", LOG),
    ("audit.Cosignature", "root name line", NOBODY),
    ("audit.VerificationRun", "state", IDS),
    ("audit.ViewNotification", "notify_by detail", IDS),
    ("audit.WeeklyDigest", "detail", IDS),
    ("audit.WitnessState", "url name state detail", NOBODY),
    ("approvals.AccessEnd", "iss operation seal", IDS),
    ("approvals.Approval", "operation verb target_kind target_instance severity", IDS),
    ("approvals.Approval", "intent_hash state_digest policy_digest requester_iss", IDS),
    ("approvals.Approval", "open_key status answer outcome outcome_code", IDS),
    ("approvals.Approval", "if_approved", NOBODY),
    ("approvals.Ask", "code channel state", IDS),
    ("approvals.Effect", "kind verb event operation target_kind instance", IDS),
    ("approvals.Effect", "severity intent_hash seal state", IDS),
    ("approvals.Erasure", "subject", KEY),
    ("approvals.Erasure", "operation approval state detail steps touched certificate", IDS),
    ("approvals.Erasure", "restated emptied seal", IDS),
    ("approvals.LegalHold", "subject", KEY),
    ("approvals.LegalHold", "operation lifted_operation", IDS),
    ("approvals.ShortLivedSecret", "kind ref ciphertext", SEALED),
    ("approvals.IdempotencyRecord", "subject body_digest", IDS),
    ("approvals.Notice", "way state", IDS),
    ("approvals.Passkey", "rp_id origins attestation enrolled_by confirmed_by revoked_by", IDS),
    ("approvals.Person", "iss", IDS),
    ("approvals.PolicyVersion", "digest approval operation", IDS),
    ("connections.AppAccess", "iss kind audiences scopes state operation", IDS),
    ("connections.ConnectedAccount", "iss connection grant state held_by restriction", IDS),
    ("connections.ConnectedAccount", "operation source last_agent last_skill", CLEAR),
    ("connections.ConnectedAccount", "last_failure auth0_used_by auth0_failure", IDS),
    ("connections.Use", "agent skill", CLEAR),
    ("connections.Escalation", "key kind name scopes agent approval", CLEAR),
    ("connections.Allowance", "kind name scopes agent escalation approval", CLEAR),
    ("connections.Attempts", "iss kind tries asks", CLEAR),
    ("connections.ScopeRule", "name excess", NOBODY),
    ("connections.Freeze", "kind", IDS),
    ("connections.JustInTime", "name hours wake", NOBODY),
    ("connections.HeldVariables", "kind name connections", CLEAR),
    ("connections.Manifest", "kind name env url digest", CLEAR),
    ("connections.ManifestNeed", "connection scopes", CLEAR),
    ("connections.Need", "iss connection kind", CLEAR),
    ("connections.Notice", "iss code", IDS),
    ("connections.Notice", "agent", CLEAR),
    ("connections.OwnerLetter", "iss way state", IDS),
    ("connections.ReviewLetter", "state", IDS),
    ("connections.ReviewWork", "verb code seal", IDS),
    ("connections.Review", "wanted reviewers digest opened_event closed_event", IDS),
    ("connections.Review", "result_digest changed", IDS),
    ("connections.ReviewItem", "iss connection state choice decided_iss event", IDS),
    ("connections.ReviewItem", "operation approval", IDS),
    ("connections.Schedule", "name detail", NOBODY),
    ("connections.ConnectionSetting", "name strategy", NOBODY),
    ("connections.LogFact", "kind iss connection client_id feed", IDS),
    ("connections.SeenUse", "client_id", IDS),
    ("connections.LogFeed", "feed cursor", NOBODY),
    ("connections.LogGap", "feed why", NOBODY),
    ("connections.PersonLook", "iss", IDS),
    ("enforcement.Asset", "kind name instance decision approval operation", CLEAR),
    ("enforcement.Asset", "holder held_until hold_approval", IDS),
    ("enforcement.Scan", "instance scan_id scanner kind name severity ask approval", CLEAR),
    ("enforcement.Scan", "target session digest agent done", IDS),
    ("enforcement.Finding", "instance finding_id alert_id kind name rule severity", CLEAR),
    ("enforcement.Finding", "status", IDS),
    ("enforcement.AdministrativeAct", "instance action connector act kind name", CLEAR),
    ("enforcement.AdministrativeAct", "operation claim", IDS),
    ("enforcement.EnrolmentCode", "operation instance digest seal", IDS),
    ("enforcement.Outpost", "id public_key operation suspended_by head command_key seal", IDS),
    ("enforcement.OutpostCommand", "act signature state seal", IDS),
    ("enforcement.Outpost", "instance version generation", CLEAR),
    ("enforcement.OutpostReport", "digest signature", IDS),
    ("enforcement.RevokedEnrolment", "instance enrolment operation seal", IDS),
    ("enforcement.SeenProof", "digest", IDS),
    ("enforcement.Watch", "name last_scan source version connectors settings posture", NOBODY),
    ("enforcement.ConcludedEffect", "instance kind name wanted", CLEAR),
    ("enforcement.ConcludedEffect", "decided agents sentences", NOBODY),
    ("enforcement.GatewayCall", "name", NOBODY),
    ("enforcement.PostureBaseline", "instance settings", NOBODY),
    ("enforcement.PostureBaseline", "operation", IDS),
    ("enforcement.PostureDifference", "instance setting expected seen source", NOBODY),
)
"""Table, columns, and one reason why an erasure leaves them."""


def columns() -> Iterator[str]:
    """Each such column of each table."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, _HOLDS) and not isinstance(field, models.UUIDField):
                yield f"{model._meta.label}.{field.name}"


def test_every_column_is_erased_or_says_why_not() -> None:
    erased = {column for store in subject_and_store_registry.stores() for column in store.columns}
    kept = [f"{table}.{name}" for table, names, _ in KEPT for name in names.split()]
    every = set(columns())
    forgotten = every - erased - set(kept)
    assert forgotten == set(), "give these an eraser, or say in KEPT why they hold nobody's values"
    assert (erased | set(kept)) - every == set(), "there is no such column"
    assert erased & set(kept) == set(), "it is erased, and said to be kept"
    assert len(kept) == len(set(kept)) and all(reason for _, _, reason in KEPT)


def test_stores_go_in_an_order_that_a_kill_can_interrupt() -> None:
    order: list[Any] = [store.name for store in subject_and_store_registry.stores()]
    last = ["log", "evidence", "memory", "database"]
    assert order[-4:] == last, "openings tell whose words to look for"
    assert order.index("people") > order.index("requests")
