"""The provider, or somebody who speaks in its name, answers with tokens that prove something else.

Every answer is an approval by the phone; whatever in it is not of this very intent, by the asked
person, to us, now, commits nothing.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import pytest

from audit.evidence import human_levels
from audit.recording.actors import Actor
from tests.accounts.trail import events
from tests.approvals.asking import ask, fresh
from tests.approvals.lamps import Lamps
from tests.attacks.sign_in.forging import ABSENT, FORGERIES, Attack, Forge, claims
from tests.attacks.step_up.conftest import Work
from tests.attacks.step_up.provider import Details, PhoneProvider
from tests.attacks.step_up.trail import approve, assert_refused
from tests.support.sign_in import SUBS

NAMES = {attack.name: attack for attack in FORGERIES}
SOME = tuple(
    NAMES[name]
    for name in (
        "alg 'none', no signature",
        "HS256 with pem",
        "rogue key under its own kid",
        "rogue key under a known kid",
        "own key in the header",
        "one bit of the signature flipped",
        "payload exchanged",
        "payload names sub twice",
    )
)
"""The kinds of forgery; `attacks/sign_in` tries every single one at the same verifier."""


@pytest.mark.parametrize("attack", SOME, ids=str)
@pytest.mark.parametrize("which", ["bend_token", "bend_id"])
def test_a_forged_token_approves_nothing(
    lamps: Lamps,
    provider: PhoneProvider,
    olu: Actor,
    oona: Actor,
    work: Work,
    which: str,
    attack: Attack,
) -> None:
    approval = ask(olu)
    work()
    setattr(provider, which, attack.bend)
    approve(provider, approval)
    work()
    assert_refused(lamps, approval, attack.expected)


def token_claims(now: int) -> tuple[Attack, ...]:
    """Approval tokens of something else, at a time that a test tells: a run may last for hours."""
    return (
        claims("audience", "for our API", {"aud": "https://ata.local/api"}),
        claims("audience", "for another API", {"aud": "https://elsewhere.example/"}),
        claims("audience", "for the audience without its last letter",
               {"aud": "https://ata.local/approval"}),
        claims("client_not_allowed", "issued to another client", {"azp": "ata-cli"}),
        claims("client_not_allowed", "issued to two clients", {"client_id": "ata-cli"}),
        claims("client_not_allowed", "issued to nobody", {"azp": ABSENT}),
        claims("subject", "about the requester", {"sub": SUBS["operator"]}),
        claims("subject", "about the asked person in another case",
               {"sub": SUBS["operator2"].upper()}),
        claims("subject", "about the asked person and a space", {"sub": SUBS["operator2"] + " "}),
        claims("issuer", "of another issuer", {"iss": "https://evil.example/"}),
        claims("too_old", "issued before the ask", {"iat": now - 3600}),
        claims("expired", "expired", {"iat": now - 50, "exp": now - 3600}),
        claims("issued_in_future", "issued in the future", {"iat": now + 3600, "exp": now + 7200}),
        claims("details_differ", "whose details cannot be read", {"authorization_details": "[{"}),
        claims("details_differ", "whose details are a number", {"authorization_details": 7}),
    )  # fmt: skip


def named(table: Callable[[int], tuple[Attack, ...]]) -> dict[str, Attack]:
    """The attacks of a table as of now."""
    return {attack.name: attack for attack in table(int(time.time()))}


@pytest.mark.parametrize("name", named(token_claims))
def test_an_approval_token_of_something_else_approves_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, name: str
) -> None:
    attack = named(token_claims)[name]
    approval = ask(olu)
    work()
    provider.bend_token = attack.bend
    approve(provider, approval)
    work()
    assert_refused(lamps, approval, attack.expected)


def id_claims(now: int) -> tuple[Attack, ...]:
    """Identities of somebody or something else."""
    return (
        claims("audience", "for another client", {"aud": "another"}),
        claims("authorized_party", "issued to another client", {"azp": "another"}),
        claims("wrong_subject", "about the requester", {"sub": SUBS["operator"]}),
        claims("wrong_subject", "about a stranger", {"sub": "auth0|stranger"}),
        claims("wrong_subject", "about the asked person in another case",
               {"sub": SUBS["operator2"].upper()}),
        claims("nonce", "with a nonce, so of a sign-in", {"nonce": "n-1"}),
        claims("logout_token", "a logout token", {"events": {}}),
        claims("issuer", "of another issuer", {"iss": "https://evil.example/"}),
        claims("expired", "expired", {"exp": now - 3600}),
        claims("too_old", "of an earlier answer", {"iat": now - 3600}),
        claims("type", "an access token by its type", {}),
    )  # fmt: skip


@pytest.mark.parametrize("name", named(id_claims))
def test_an_identity_of_somebody_or_something_else_approves_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work, name: str
) -> None:
    attack = named(id_claims)[name]
    approval = ask(olu)
    work()

    def bend(forge: Forge) -> None:
        attack.bend(forge)
        if attack.expected == "type":
            forge.header["typ"] = "at+jwt"

    provider.bend_id = bend
    approve(provider, approval)
    work()
    assert_refused(lamps, approval, attack.expected)


def test_an_approval_token_in_the_place_of_the_identity_approves_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    push = provider.showing(code := _code(approval))
    token = Forge(provider.approval_claims(push), key=provider.key).token()
    provider.bend_id = lambda forge: setattr(forge, "finish", lambda _own: token)
    provider.answer(code, "approve")
    work()
    assert_refused(lamps, approval, "audience")


def test_an_identity_in_the_place_of_the_approval_token_approves_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    push = provider.showing(code := _code(approval))
    token = Forge(provider.identity_claims(push), key=provider.key).token()
    provider.bend_token = lambda forge: setattr(forge, "finish", lambda _own: token)
    provider.answer(code, "approve")
    work()
    assert_refused(lamps, approval, "audience")


def test_an_approval_of_an_earlier_request_is_not_one_of_this(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Replay: the same person once approved the same act, and the token still lives."""
    first = ask(olu)
    work()
    approve(provider, first)
    work()
    assert fresh(first).outcome == "approved"
    lamps.lit.clear()
    replayed = provider.given[-1]
    again = ask(olu, "lamp.remove")
    work()
    provider.bend_token = _instead(replayed["access_token"])
    provider.bend_id = _instead(replayed["id_token"])
    provider.echo = lambda _details: replayed["authorization_details"]
    approve(provider, again)
    work()
    assert fresh(again).outcome_code == "details_differ"
    assert [e["data"]["failure"] for e in events("approval.failed")] == ["details_differ"]
    assert len(events("lamp.blocked")) == 1 and not events("lamp.removed")
    assert lamps.lit == {}


def _instead(token: str) -> Callable[[Forge], None]:
    return lambda forge: setattr(forge, "finish", lambda _own: token)


def _other_hash(details: Details) -> Details:
    details[0]["properties"]["intent_hash"]["value"] = "0" * 64
    return details


def _other_target(details: Details) -> Details:
    details[0]["properties"]["target"]["value"] = "lamp kitchen"
    return details


def _other_sentence(details: Details) -> Details:
    details[0]["instruction"] = "Block lamp kitchen everywhere"
    return details


def _other_type(details: Details) -> Details:
    details[0]["type"] = "urn:auth0:schemas:authorization-details:v1:payment"
    return details


def _second_object(details: Details) -> Details:
    other = copy.deepcopy(details[0])
    return [*details, _other_target([other])[0]]


def _hidden_property(details: Details) -> Details:
    details[0]["properties"]["also"] = {"display": False, "value": "lamp kitchen"}
    return details


def _hash_displayed(details: Details) -> Details:
    details[0]["properties"]["intent_hash"]["display"] = True
    return details


def _homoglyph(details: Details) -> Details:
    details[0]["properties"]["target"]["value"] = "lamp h\u0430ll"
    return details


def _decomposed(details: Details) -> Details:
    details[0]["properties"]["requester"]["value"] += "\u0301"
    return details


def _truthy(details: Details) -> Details:
    details[0]["properties"]["verb"]["display"] = 1
    return details


ALTERED: tuple[Callable[[Details], Details], ...] = (
    _other_hash,
    _other_target,
    _other_sentence,
    _other_type,
    _second_object,
    _hidden_property,
    _hash_displayed,
    _homoglyph,
    _decomposed,
    _truthy,
)


@pytest.mark.parametrize("where", ["token", "answer", "both"])
@pytest.mark.parametrize("alter", ALTERED, ids=lambda alter: alter.__name__.strip("_"))
def test_altered_details_approve_nothing(
    lamps: Lamps,
    provider: PhoneProvider,
    olu: Actor,
    oona: Actor,
    work: Work,
    alter: Callable[[Details], Details],
    where: str,
) -> None:
    approval = ask(olu)
    work()

    def bend(forge: Forge) -> None:
        forge.claims["authorization_details"] = alter(
            copy.deepcopy(forge.claims["authorization_details"])
        )

    if where != "answer":
        provider.bend_token = bend
    if where != "token":
        provider.echo = lambda details: alter(copy.deepcopy(details))
    approve(provider, approval)
    work()
    assert_refused(lamps, approval, "details_differ")


def test_details_that_name_a_member_twice_are_not_read(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Two parsers could read two different requests, so neither reading counts."""
    approval = ask(olu)
    work()

    def bend(forge: Forge) -> None:
        whole = str(forge.claims["authorization_details"][0]["properties"]["intent_hash"]["value"])
        twice = f'[{{"type":"x","intent":"{"0" * 64}","intent":"{whole}"}}]'
        forge.claims["authorization_details"] = twice

    provider.bend_token = bend
    approve(provider, approval)
    work()
    assert_refused(lamps, approval, "details_differ")


def test_details_in_neither_token_nor_answer_approve_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    provider.bend_token = lambda forge: forge.claims.update(authorization_details=ABSENT)
    provider.echo = lambda _details: None
    approve(provider, approval)
    work()
    assert_refused(lamps, approval, "details_missing")


def test_details_that_nobody_signed_are_labelled_and_prove_no_more_than_a_sign_in(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    provider.bend_token = lambda forge: forge.claims.update(authorization_details=ABSENT)
    approve(provider, approval)
    work()
    assert fresh(approval).outcome == "approved"
    [said] = events("approval.approved")
    assert said["data"]["details_signed"] is False
    assert human_levels.explain(said).code in {"H0", "H1"}
    [done] = events("lamp.blocked")
    assert human_levels.explain(done).code in {"H0", "H1"}


def test_an_answer_without_any_token_that_can_be_checked_approves_nothing(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    provider.bend_token = _instead("opaque-token")
    provider.bend_id = _instead("")
    approve(provider, approval)
    work()
    assert_refused(lamps, approval, "nothing_signed")


def test_an_opaque_token_beside_the_details_proves_no_more_than_a_sign_in(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    approval = ask(olu)
    work()
    provider.bend_token = _instead("opaque-token")
    approve(provider, approval)
    work()
    assert fresh(approval).outcome == "approved"
    [done] = events("lamp.blocked")
    assert human_levels.explain(done).code in {"H0", "H1"}
    assert events("approval.approved")[0]["data"]["details_signed"] is False


def test_good_answers_still_approve(
    lamps: Lamps, provider: PhoneProvider, olu: Actor, oona: Actor, work: Work
) -> None:
    """Else every test here would pass for another reason."""
    approval = ask(olu)
    work()
    approve(provider, approval)
    work()
    done = fresh(approval)
    assert (done.outcome, lamps.lit) == ("approved", {"hall": False})
    [blocked] = events("lamp.blocked")
    assert human_levels.explain(blocked).code == "H2"
    assert blocked["data"]["approver"]["sub"] == oona.sub


def _code(approval: Any) -> str:
    return str(approval.current.code)
