"""What frameworks want of an audit trail, and which events are the answer.

What a requirement wants is said in our words and in short: its own text decides. Where no event can
answer, that is said, with what answers instead or that nothing here does. Numbers follow PCI DSS
v4.0.1, the AICPA trust services criteria, ISO/IEC 27001:2022 annex A, NIST SP 800-53 revision 5,
45 CFR part 164, Regulation (EU) 2024/1689 and Regulation (EU) 2016/679.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from audit.ledger.query import EventQuery


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement.

    Attributes:
        number: as its framework has it.
        wants: what it wants, in a few words.
        filter: of the events that answer it, as the query bar has it; "" is every event, None says
            that no event of this product does.
        note: what the events do not show, or what answers instead.
    """

    number: str
    wants: str
    filter: str | None
    note: str = ""

    @property
    def quiet(self) -> bool:
        """Whether events tell of trouble, so that none is what one hopes for."""
        return self.note == _QUIET

    @property
    def query(self) -> EventQuery | None:
        """The filter; None where there is none."""
        return None if self.filter is None else EventQuery.from_bar(self.filter)


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework with its requirements; `id` is stable."""

    id: str
    title: str
    source: str
    requirements: tuple[Requirement, ...]


def _actions(*names: str) -> str:
    return " ".join(f"action:{name}" for name in names)


_KINDS = ("skill", "mcp", "plugin", "tool")
_VERDICTS = _actions(
    *(f"{k}.{past}" for k in _KINDS for past in ("held", "blocked", "unblocked", "allowed")),
    *(f"{k}.{past}" for k in _KINDS for past in ("released", "quarantined", "restored")),
)
_APPROVALS = _actions("approval.*")
_OVERSIGHT = _actions("approval.*", *(f"{k}.override_logged" for k in _KINDS))
_ADMIN = _actions(
    "policy.*", "gateway.*", "agent.*", "person.*", "connection.frozen", "connection.unfrozen",
    "subject.*", "legal_hold.*", "breakglass.*", "scope.configured", "ledger.key_changed",
    "evidence.key_changed", "selection.*", "connection.suspended", "connection.resumed",
    "connection.revoked", "connection.restricted", "connection.relaxed", "component.configured",
)  # fmt: skip
_READ = _actions("audit.viewed", "audit.exported", "evidence.read")
_REFUSED = _actions("operator.sign_in_failed", "access.refused", "token.refused")
_CREDENTIALS = _actions(
    "passkey.*", "connection.connected", "connection.revoked", "access.revoked", "session.revoked",
    "breakglass.changed", "evidence.key_changed", "ledger.key_changed",
)  # fmt: skip
_FAILURES = _actions(
    "ledger.alarm", "ledger.adopted", "tenant_log.gap_found", "audit.quarantined",
    "defenseclaw.push_gap", "defenseclaw.row_changed", "defenseclaw.tag_misused",
)  # fmt: skip
_ANSWERS = " ".join(
    (_VERDICTS, _actions("connection.revoked", "connection.suspended", "person.frozen"))
)
_OBJECTS = _actions(
    "manifest.*", "gateway.*", "subject.erased", "ledger.thinned",
    *(f"{k}.{past}" for k in _KINDS for past in ("quarantined", "restored")),
)  # fmt: skip
_ANOMALIES = _actions(
    "finding.opened",
    "scope.escalated",
    "bypass.found",
    "connection.use_seen",
    "ledger.alarm",
    "effect.differs",
)
_HANDLED = _actions("alert.*", "approval.*")
_VERIFIED = _actions("audit.verified", "ledger.alarm")
_TOKENS = _actions("token.*", "connection.use_seen")

_QUIET = "No events is good news only if the portal was running and monitored."
_NO_CLOCK = (
    "Clock sync is up to the host. Entries carry event and record time. "
    "An outside timestamp (L3) bounds them."
)
_ALL_KEPT = "Entries are never removed. Retention depends on your backups."

FRAMEWORKS: Final = (
    Framework(
        "pci-dss",
        "PCI DSS",
        "PCI DSS v4.0.1, requirement 10",
        (
            Requirement(
                "10.2.1.1",
                "user access to data",
                _TOKENS,
                "Tokens that agents use to reach data. What they read is logged by the data's "
                "owner.",
            ),
            Requirement(
                "10.2.1.2",
                "administrative actions",
                _ADMIN,
                "What is suspended, resumed or revoked counts here whoever did it, an owner too.",
            ),
            Requirement("10.2.1.3", "access to audit logs", _READ),
            Requirement("10.2.1.4", "invalid access attempts", _REFUSED),
            Requirement(
                "10.2.1.5",
                "changes to credentials",
                _CREDENTIALS,
                "Password and factor changes are in Auth0's log.",
            ),
            Requirement("10.2.1.6", "logging started, stopped or paused", _FAILURES, _QUIET),
            Requirement("10.2.1.7", "system objects created and deleted", _OBJECTS),
            Requirement(
                "10.2.2",
                "who, what, when, outcome, origin, target in each entry",
                "",
                "Every entry has all fields. Imports may leave some empty.",
            ),
            Requirement(
                "10.3.1",
                "logs are read by those who need to",
                _actions("access.refused", "audit.viewed"),
                "Access is by role. Views and refusals are recorded.",
            ),
            Requirement(
                "10.3.2",
                "logs are protected from change",
                _actions("audit.verified"),
                "Database guards plus a signed log. A verification that someone requests is an "
                "event.",
            ),
            Requirement(
                "10.3.3",
                "logs are backed up promptly",
                None,
                "Backups are your responsibility. Saved checkpoints reveal missing entries.",
            ),
            Requirement(
                "10.3.4",
                "change of logs is detected",
                _VERIFIED,
                "A verification that someone requests is an event. An automatic check is one only "
                "when it finds something changed or missing.",
            ),
            Requirement(
                "10.4.1",
                "daily review",
                _READ,
                "Shows who viewed what, not whether a daily review was complete.",
            ),
            Requirement("10.4.1.1", "automated review", _ANOMALIES, _QUIET),
            Requirement(
                "10.4.2",
                "periodic review of other components",
                None,
                "Covers only sources connected here.",
            ),
            Requirement(
                "10.4.2.1", "review frequency set by risk analysis", None, "Your own documentation."
            ),
            Requirement("10.4.3", "exceptions are addressed", _HANDLED),
            Requirement("10.5.1", "12 months retained, 3 immediately available", "", _ALL_KEPT),
            Requirement("10.6.1", "clocks are synchronised", None, _NO_CLOCK),
            Requirement("10.6.2", "time comes from agreed sources", None, _NO_CLOCK),
            Requirement("10.6.3", "time settings are protected", None, _NO_CLOCK),
            Requirement(
                "10.7.1", "failures of logging are detected (service providers)", _FAILURES, _QUIET
            ),
            Requirement("10.7.2", "failures of logging are detected", _FAILURES, _QUIET),
            Requirement(
                "10.7.3",
                "failures are answered",
                _actions("audit.verified", "ledger.adopted"),
                "Actions outside the portal belong in your incident record.",
            ),
        ),
    ),
    Framework(
        "soc-2",
        "SOC 2",
        "AICPA trust services criteria (2017), common criteria",
        (
            Requirement(
                "CC6.1",
                "logical access",
                _actions("operator.*", "session.*", "access.*", "token.*"),
            ),
            Requirement(
                "CC6.2",
                "access is granted and removed",
                _actions("connection.*", "access.*", "selection.*"),
            ),
            Requirement(
                "CC6.3",
                "roles, least privilege, reviews",
                _actions("review.*", "scope.*", "manifest.*"),
            ),
            Requirement("CC6.6", "external threats", _VERDICTS),
            Requirement(
                "CC6.8", "unauthorised software", f"{_VERDICTS} {_actions('finding.opened')}"
            ),
            Requirement("CC7.2", "anomaly monitoring", _ANOMALIES, _QUIET),
            Requirement("CC7.3", "events are evaluated", _HANDLED),
            Requirement(
                "CC7.4",
                "incidents are handled",
                _ANSWERS,
            ),
            Requirement(
                "CC8.1",
                "changes are authorised and approved",
                f"{_APPROVALS} {_actions('policy.changed')}",
            ),
            Requirement(
                "IPE",
                "reports: source, query, complete, accurate",
                _actions("audit.exported", "connection.exported"),
                "Each export has a manifest with filter, count, digest and tree.",
            ),
        ),
    ),
    Framework(
        "iso-27001",
        "ISO/IEC 27001",
        "ISO/IEC 27001:2022, annex A",
        (
            Requirement("A.8.15", "logs are made, kept, protected, analysed", ""),
            Requirement("A.8.16", "monitoring for anomalies", _ANOMALIES, _QUIET),
            Requirement("A.8.17", "clocks are synchronised", None, _NO_CLOCK),
        ),
    ),
    Framework(
        "nist-800-53",
        "NIST SP 800-53",
        "NIST SP 800-53 revision 5, family AU",
        (
            Requirement(
                "AU-2",
                "which events are logged",
                "",
                "The list of actions is fixed and published.",
            ),
            Requirement("AU-3", "content of records", ""),
            Requirement(
                "AU-4",
                "storage capacity",
                None,
                "Monitor disk space with the metrics endpoint.",
            ),
            Requirement("AU-5", "failures of logging are answered", _FAILURES, _QUIET),
            Requirement("AU-6", "review, analysis, reporting", f"{_READ} {_actions('alert.*')}"),
            Requirement("AU-8", "time stamps", None, _NO_CLOCK),
            Requirement(
                "AU-9", "protection of the trail", f"{_VERIFIED} {_actions('evidence.read')}"
            ),
            Requirement(
                "AU-10",
                "non-repudiation",
                "human:H2 human:H3",
                "Acts a person signed, by approval or passkey.",
            ),
            Requirement("AU-11", "retention", "", _ALL_KEPT),
            Requirement("AU-12", "records are generated", ""),
        ),
    ),
    Framework(
        "hipaa",
        "HIPAA",
        "45 CFR part 164, subpart C",
        (
            Requirement("164.312(b)", "audit controls", ""),
            Requirement(
                "164.312(c)(1)",
                "integrity",
                _VERIFIED,
                "The trail only. No patient records are stored here.",
            ),
            Requirement(
                "164.316(b)(2)",
                "documentation is kept 6 years",
                _actions("legal_hold.*"),
                _ALL_KEPT,
            ),
        ),
    ),
    Framework(
        "eu-ai-act",
        "EU AI Act",
        "Regulation (EU) 2024/1689. Ask counsel whether and when it applies to you",
        (
            Requirement(
                "Art. 12",
                "automatic logs over the lifetime",
                _actions("token.*", "defenseclaw.*", "finding.opened", "scope.escalated"),
            ),
            Requirement("Art. 14", "human oversight", _OVERSIGHT),
            Requirement("Art. 19(1)", "the provider keeps logs 6 months", "", _ALL_KEPT),
            Requirement("Art. 26(6)", "the deployer keeps logs 6 months", "", _ALL_KEPT),
        ),
    ),
    Framework(
        "gdpr",
        "GDPR",
        "Regulation (EU) 2016/679",
        (
            Requirement(
                "Art. 5(1)(e)",
                "kept no longer than needed",
                _actions("subject.erased", "erasure.replayed"),
                "Personal data can be erased on request, not automatically.",
            ),
            Requirement(
                "Art. 17",
                "erasure",
                _actions("subject.erased", "erasure.replayed"),
                "None requested.",
            ),
        ),
    ),
)
"""All of them, those with the most to say about a trail first."""
