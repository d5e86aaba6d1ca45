"""The closed registry of actions (DESIGN 2.7): what each is called and how its event reads.

`record` refuses a name that is not here. Apps may add theirs at import with `register`; the
families `defenseclaw.*` and `external.*` are open, because other systems name what they report.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from audit.ledger.format.allowed_field_values import severity_rank
from audit.recording.sentences import PublicEvent, Sentence, phrase, reported

OPEN_FAMILIES = ("defenseclaw", "external")
_FAMILY_LABELS = {"defenseclaw": "DefenseClaw", "external": "External"}


class UnknownAction(LookupError):
    """An action that nobody registered; the message names the nearest one."""


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action: a label for columns, a sentence for rows, the severity it has unasked."""

    name: str
    label: str
    sentence: Sentence
    severity: str = "INFO"

    @property
    def family(self) -> str:
        """Part before the first dot."""
        return self.name.partition(".")[0]


_ACTIONS: dict[str, ActionSpec] = {}


def register(
    name: str,
    *,
    label: str,
    sentence: Sentence | str,
    severity: str = "INFO",
    says_outcome: bool = False,
) -> ActionSpec:
    """Add an action. `sentence` is a formatter, or words for `audit.recording.sentences.phrase`.

    Raises:
        ValueError: the name is taken, has no family, or the severity is unknown.
    """
    if name in _ACTIONS:
        raise ValueError(f"action {name} is registered twice")
    if not all(name.partition(".")):
        raise ValueError(f"action {name} needs a family, such as skill.blocked")
    severity_rank(severity)
    formatter = (
        phrase(sentence, says_outcome=says_outcome) if isinstance(sentence, str) else sentence
    )
    spec = _ACTIONS[name] = ActionSpec(name, label, formatter, severity)
    return spec


def reword(name: str, sentence: Sentence) -> ActionSpec:
    """Set the sentence of a registered action, by the app that owns it.

    Raises:
        KeyError: nobody registered it.
    """
    spec = _ACTIONS[name] = replace(_ACTIONS[name], sentence=sentence)
    return spec


def get(name: str) -> ActionSpec:
    """The action of that name; any name of an open family has one.

    Raises:
        UnknownAction: naming the nearest registered action.
    """
    spec = _ACTIONS.get(name)
    if spec is not None:
        return spec
    family, _, act = name.partition(".")
    if family in OPEN_FAMILIES and act:
        words = act.replace("_", " ").replace("-", " ")
        return ActionSpec(name, f"{_FAMILY_LABELS[family]}: {words}", reported)
    near = difflib.get_close_matches(name, _ACTIONS, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UnknownAction(
        f"{name!r} is not a registered action{hint} (action_registry.register adds one)"
    )


def names() -> tuple[str, ...]:
    """All registered actions, sorted."""
    return tuple(sorted(_ACTIONS))


def families() -> tuple[str, ...]:
    """All families, sorted, with the open ones."""
    return tuple(sorted({spec.family for spec in _ACTIONS.values()} | set(OPEN_FAMILIES)))


def label(name: str) -> str:
    """Label of an action; the name itself where it is no longer registered."""
    try:
        return get(name).label
    except UnknownAction:
        return name


def sentence(event: PublicEvent) -> str:
    """The event in plain English; generic where its action is no longer registered."""
    try:
        return get(event["action"]).sentence(event)
    except UnknownAction:
        return phrase(f"did {event['action']} to {{target}}")(event)


def _verbs(kinds: Iterable[str], pasts: Iterable[tuple[str, str, str]]) -> None:
    for kind in kinds:
        for past, words, severity in pasts:
            label_ = (
                f"{kind.upper() if kind == 'mcp' else kind.capitalize()} {past.replace('_', ' ')}"
            )
            register(f"{kind}.{past}", label=label_, sentence=words, severity=severity)


_verbs(
    ("skill", "mcp", "plugin", "tool"),
    (
        ("held", "put {target} on hold", "HIGH"),
        ("released", "released {target} from hold", "MEDIUM"),
        ("blocked", "blocked {target}", "HIGH"),
        ("unblocked", "unblocked {target}", "HIGH"),
        ("allowed", "allowed {target}", "HIGH"),
        ("quarantined", "quarantined {target}", "HIGH"),
        ("restored", "restored {target}", "HIGH"),
        ("override_logged", "overrode the verdict on {target}", "HIGH"),
    ),
)
_verbs(
    ("agent", "person"),
    (("frozen", "froze {target}", "HIGH"), ("unfrozen", "unfroze {target}", "HIGH")),
)

# name | label | words | severity | "told" when the words tell the outcome themselves
_TABLE = """
alert.acknowledged | Alert acknowledged | acknowledged {target} | INFO
alert.dismissed | Alert dismissed | dismissed {target} | MEDIUM
connection.connected | Connection made | connected {target} | LOW
connection.revoked | Connection revoked | revoked {target} | MEDIUM
connection.suspended | Connection suspended | suspended {target} | MEDIUM
connection.resumed | Connection resumed | resumed {target} | MEDIUM
selection.revoked | Selection revoked | revoked several connections | HIGH
selection.suspended | Selection suspended | suspended several connections | MEDIUM
selection.held | Selection on hold | suspended several connections meanwhile | MEDIUM
selection.released | Selection released | resumed several connections | MEDIUM
connection.fell_asleep | Connection paused while unused | found {target} paused while unused | INFO
connection.awake | Connection resumed | found {target} resumed | INFO
connection.woken | Connection resumed for agents | resumed {target} for agents | LOW
connection.restricted | Idle access restricted | restricted {target} | LOW
connection.relaxed | Idle access relaxed | relaxed {target} | MEDIUM
connection.frozen | Connection frozen | froze {target} | HIGH
connection.unfrozen | Connection unfrozen | unfroze {target} | HIGH
connection.reconciled | Connection reconciled | compared {target} with Auth0 | INFO
access.revoked | Application access revoked | revoked {target} | MEDIUM
access.reconciled | Application access compared | compared {target} with Auth0 | INFO
connection.use_seen | Use seen by Auth0 | used {connection} past the broker | LOW
connection.exported | Connections exported | exported the inventory of connections | LOW
manifest.declared | Manifest declared | declared the connections and scopes of {target} | LOW
manifest.removed | Manifest removed | removed the manifest of {target} | LOW
person.away_set | Away set | set their absence | LOW
person.away_cleared | Away ended | ended their absence | LOW
person.access_end_set | End of access set | set when the access of {target} ends | HIGH
policy.changed | Policy changed | changed {target} | HIGH
review.opened | Review opened | opened {target} | INFO
review.decided | Review decided | decided on {target} | LOW
review.reassigned | Review reassigned | reassigned {target} | MEDIUM
review.closed | Review closed | closed {target} | INFO
person.offboarding_started | Offboarding started | started offboarding {target} | HIGH
passkey.enrolled | Passkey enrolled | enrolled {target} | MEDIUM
passkey.revoked | Passkey revoked | revoked {target} | MEDIUM
subject.erased | Person erased | erased the personal values of {target} | HIGH
erasure.replayed | Erasure repeated | erased again, after a restore, the values of {target} | HIGH
legal_hold.placed | Legal hold placed | placed {target} | HIGH
legal_hold.lifted | Legal hold lifted | lifted {target} | HIGH
gateway.registered | Gateway registered | registered {target} | MEDIUM
gateway.removed | Gateway removed | removed {target} | HIGH
gateway.configured | Gateway baseline changed | changed the approved settings of {target} | HIGH
posture.changed | Gateway setting changed | found a setting of {target} changed | HIGH
outpost.enrolled | Outpost enrolled | enrolled the {target} | HIGH
outpost.key_enrolled | Outpost key enrolled | enrolled the device key of the {target} | HIGH
outpost.code_issued | Outpost code shown | was shown the code to enrol the {target} | MEDIUM
outpost.suspended | Outpost suspended or fleet code ended | suspended the {target} | HIGH
outpost.resumed | Outpost resumed | resumed the {target} | HIGH
outpost.revoked | Outpost revoked | revoked the {target} | HIGH
outpost.result_refused | Outpost result refused | had a result refused: the {target} | HIGH
outpost.contested | Outpost contested | got two continuations of reports of the {target} | HIGH
operator.signed_in | Signed in | signed in | INFO
operator.signed_out | Signed out | signed out | INFO
operator.sign_in_failed | Sign-in failed | could not sign in | MEDIUM | told
access.refused | Access refused | was refused at {target} | MEDIUM | told
session.revoked | Session revoked | ended {target} | MEDIUM
effect.observed | Effect observed | observed what a gateway does about {target} | INFO
effect.changed | Effect changed | found another effect on {target} | MEDIUM
effect.differs | Effect differs | found less than was decided about {target} | MEDIUM
finding.opened | Finding opened | opened {target} | MEDIUM
approval.requested | Approval requested | asked for approval of {target} | INFO | told
approval.approved | Approval given | approved {target} | INFO | told
approval.denied | Approval denied | denied {target} | MEDIUM | told
approval.expired | Approver did not answer | got no answer in time about {target} | MEDIUM | told
approval.failed | Approval failed | could not finish the approval of {target} | MEDIUM | told
approval.cancelled | Approval cancelled | withdrew the request about {target} | INFO | told
token.exchanged | Token issued | issued {agent} a token for {connection} | INFO
token.refused | Token refused | refused {agent} a token for {connection} | MEDIUM | told
scope.escalated | Scope escalation | saw {agent} ask {connection} for undeclared scopes | HIGH
scope.granted | Scope granted | allowed a component more than it declares | HIGH
scope.withdrawn | Scope withdrawn | took back what a component was allowed beyond its manifest | LOW
component.configured | Component rule set | set whether components need an allow | MEDIUM
scope.configured | Scope rules set | set the rules about undeclared scopes of {target} | MEDIUM
tenant_log.gap_found | Gap in the tenant log | found a gap in {target} | MEDIUM
audit.viewed | Audit trail viewed | viewed the audit trail | INFO
audit.exported | Audit trail exported | exported the audit trail | LOW
audit.sample_asked | Sample requested | requested a sample of the audit trail | INFO
audit.sampled | Sample drawn | drew a sample of the audit trail | INFO
audit.verified | Audit trail verified | verified the audit trail | INFO
audit.view_shared | Saved view shared | shared {target} with those who read the trail | INFO
audit.view_unshared | Saved view unshared | took back the shared {target} | INFO
audit.imported | Records imported | imported {target} | INFO
audit.quarantined | Records quarantined | set aside unreadable records of {target} | MEDIUM
evidence.key_changed | Evidence key changed | wrapped the keys of the evidence store anew | HIGH
evidence.read | Evidence read | read the evidence of {target} | LOW
ledger.adopted | Ledger adopted | adopted a database that lacks signed entries | CRITICAL | told
ledger.alarm | Ledger alarm | raised an alarm about the ledger | CRITICAL | told
ledger.key_changed | Ledger key changed | changed the key of the ledger | CRITICAL
ledger.thinned | Ledger thinned | removed old checkpoints that no one needs | INFO
breakglass.used | Break-glass used | used break-glass on {target} | CRITICAL
breakglass.changed | Break-glass changed | changed the break-glass {target} | HIGH
bypass.found | Bypass found | found {target} changed without a decision | CRITICAL
bypass.claimed | Bypass claimed | claimed an act that no decision covers | MEDIUM
defenseclaw.push_gap | Gap in pushes | found a gap in what {target} pushed | HIGH
defenseclaw.row_changed | Imported row changed | found {target} changed since it was imported | HIGH
defenseclaw.rows | Rows at a gateway | reported a range of rows of {target} | INFO
defenseclaw.tag_misused | Tag of a decision copied | found in {target} a copied tag | HIGH
"""

for _line in _TABLE.strip().splitlines():
    _name, _label, _words, _severity, *_flags = (part.strip() for part in _line.split("|"))
    register(_name, label=_label, sentence=_words, severity=_severity, says_outcome=bool(_flags))
