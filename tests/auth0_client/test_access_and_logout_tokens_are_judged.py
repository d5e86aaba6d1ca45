"""Tokens presented to our API, tokens that prove an approval, tokens that end a session."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from auth0_client import TokenRefused
from auth0_client.tokens.logout_token import EVENT
from tests.auth0_client.pretended_tenant import ISSUER, NOW, ROLES, SUB, World, key_set

API = "https://ata.local/api"
APPROVALS = "https://ata.local/approvals"
DETAILS = [{"type": "urn:auth0:schemas:authorization-details:v1:ata-intent", "instruction": "x"}]


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {n: value for n, value in {**base, **changes}.items() if value != "ABSENT"}


def access(**changes: Any) -> dict[str, Any]:
    base = {
        "iss": ISSUER,
        "sub": SUB,
        "aud": [API, f"{ISSUER}userinfo"],
        "azp": "ata-cli",
        "iat": NOW,
        "exp": NOW + 600,
        "scope": "openid read:events",
        "permissions": ["write:events"],
        ROLES: ["operator", "auditor"],
    }
    return merged(base, changes)


def approval(**changes: Any) -> dict[str, Any]:
    return access(aud=APPROVALS, azp="ata-web", authorization_details=DETAILS, **changes)


def logout(**changes: Any) -> dict[str, Any]:
    base = {
        "iss": ISSUER,
        "sub": SUB,
        "aud": "ata-web",
        "iat": NOW,
        "exp": NOW + 120,
        "jti": "j-1",
        "sid": "S_7x",
        "events": {EVENT: {}},
    }
    return merged(base, changes)


def present(world: World, claims: dict[str, Any], **header: Any) -> Any:
    token = world.sign(claims, **header)
    return world.auth0.verify_access_token(token, allowed_azp={"ata-cli", "ata-web"})


def test_an_access_token_tells_client_scope_permissions_and_roles(world: World) -> None:
    claims = present(world, access())
    assert claims.client_id == "ata-cli"
    assert claims.scope == {"openid", "read:events"}
    assert claims.permissions == {"write:events"}
    assert claims.roles == ("operator", "auditor")
    assert claims.dpop_thumbprint is None


def test_the_rfc_9068_profile_is_understood(world: World) -> None:
    claims = present(
        world, access(azp="ABSENT", client_id="ata-web", jti="t-1", aud=API), typ="at+jwt"
    )
    assert (claims.client_id, claims.jti) == ("ata-web", "t-1")


def test_a_bound_token_names_the_key_it_is_bound_to(world: World) -> None:
    assert present(world, access(cnf={"jkt": "thumb"})).dpop_thumbprint == "thumb"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("audience", {"aud": APPROVALS}),
        ("audience", {"aud": "ata-web"}),
        ("issuer", {"iss": "http://localhost:8100"}),
        ("expired", {"exp": NOW - 60}),
        ("missing_claim", {"exp": "ABSENT"}),
        ("client_not_allowed", {"azp": "ata-vault"}),
        ("client_not_allowed", {"azp": "ABSENT"}),
        ("client_not_allowed", {"azp": ""}),
        ("client_not_allowed", {"azp": "ata-cli", "client_id": "ata-web"}),
        ("bad_claim", {"azp": ["ata-cli"]}),
        ("authorization_details", {"authorization_details": DETAILS}),
        ("authorization_details", {"authorization_details": []}),
        ("authorization_details", {"authorization_details": None}),
        ("bad_claim", {"scope": ["read:events"]}),
        ("bad_claim", {"permissions": "write:events"}),
        ("bad_claim", {ROLES: "admin"}),
        ("bad_claim", {ROLES: [["admin"]]}),
        ("confirmation", {"cnf": {"x5t#S256": "abc"}}),
        ("confirmation", {"cnf": "abc"}),
        ("missing_claim", {"sub": "ABSENT"}),
    ],
)
def test_an_access_token_with_a_bent_claim_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(TokenRefused) as caught:
        present(world, access(**changes))
    assert caught.value.code == code


def test_a_logout_token_is_no_access_token(world: World) -> None:
    with pytest.raises(TokenRefused) as caught:
        present(world, access(), typ="logout+jwt")
    assert caught.value.code == "type"


def judge(world: World, claims: dict[str, Any], **options: Any) -> Any:
    return world.auth0.verify_approval_token(
        world.sign(claims), **{"expected_sub": SUB, "issued_after": NOW - 10, **options}
    )


@pytest.mark.parametrize("details", [DETAILS, json.dumps(DETAILS)])
def test_an_approval_token_tells_what_was_approved(world: World, details: Any) -> None:
    claims = judge(world, approval() | {"authorization_details": details})
    assert list(claims.authorization_details) == DETAILS
    assert (claims.subject, claims.client_id, claims.kid) == (SUB, "ata-web", "key-1")


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("subject", {"sub": "auth0|somebody-else"}),
        ("audience", {"aud": API}),
        ("client_not_allowed", {"azp": "ata-cli"}),
        ("too_old", {"iat": NOW - 71}),
        ("authorization_details", {"authorization_details": "ABSENT"}),
        ("authorization_details", {"authorization_details": []}),
        ("authorization_details", {"authorization_details": {"type": "x"}}),
        ("authorization_details", {"authorization_details": [5]}),
        ("authorization_details", {"authorization_details": [{"type": 5}]}),
        ("authorization_details", {"authorization_details": "not json"}),
    ],
)
def test_an_approval_token_that_proves_something_else_is_refused(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(TokenRefused) as caught:
        judge(world, merged(approval(), changes))
    assert caught.value.code == code


def test_a_my_account_token_is_checked_for_audience_person_and_scope(world: World) -> None:
    def check(**changes: Any) -> frozenset[str]:
        scope = "create:me:connected_accounts read:me:connected_accounts"
        claims = access(aud=f"{ISSUER}me/", scope=scope, **changes)
        return world.auth0.verify_my_account_token(
            world.sign(claims),
            expected_sub=SUB,
            required_scopes=["read:me:connected_accounts"],
        )

    assert "create:me:connected_accounts" in check()
    for code, wrong in (("subject", {"sub": "auth0|x"}), ("issuer", {"iss": "x"})):
        with pytest.raises(TokenRefused) as caught:
            check(**wrong)
        assert caught.value.code == code
    with pytest.raises(TokenRefused) as caught:
        world.auth0.verify_my_account_token(
            world.sign(access(aud=f"{ISSUER}me/")), expected_sub=SUB
        )
    assert caught.value.code == "scope"


@pytest.mark.parametrize("typ", ["JWT", "logout+jwt", None])
def test_a_logout_token_names_the_session_to_end(world: World, typ: str | None) -> None:
    claims = world.auth0.verify_logout_token(world.sign(logout(trace_id="t"), typ=typ))
    assert (claims.sid, claims.subject, claims.jti) == ("S_7x", SUB, "j-1")
    assert claims.expires_at == NOW + 120


def test_a_session_or_a_person_is_enough(world: World) -> None:
    verify = world.auth0.verify_logout_token
    assert verify(world.sign(logout(sid="ABSENT"))).sid is None
    assert verify(world.sign(logout(sub="ABSENT"))).subject is None


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("events", {"events": "ABSENT"}),
        ("events", {"events": [EVENT]}),
        ("events", {"events": {"http://other": {}}}),
        ("events", {"events": {EVENT: "yes"}}),
        ("nonce", {"nonce": "n"}),
        ("nonce", {"nonce": None}),
        ("missing_claim", {"sid": "ABSENT", "sub": "ABSENT"}),
        ("missing_claim", {"sid": "", "sub": ""}),
        ("missing_claim", {"jti": "ABSENT"}),
        ("missing_claim", {"iat": "ABSENT"}),
        ("missing_claim", {"exp": "ABSENT"}),
        ("expired", {"exp": NOW - 60}),
        ("audience", {"aud": "ata-cli"}),
        ("issuer", {"iss": "http://evil.example/"}),
        ("bad_claim", {"sid": ["S_7x"]}),
    ],
)
def test_a_logout_token_with_a_bent_claim_ends_nothing(
    world: World, code: str, changes: dict[str, Any]
) -> None:
    with pytest.raises(TokenRefused) as caught:
        world.auth0.verify_logout_token(world.sign(logout(**changes)))
    assert caught.value.code == code


def test_an_id_token_is_no_logout_token_and_the_other_way_round(world: World) -> None:
    id_token = world.sign(logout(events="ABSENT", jti="ABSENT"))
    with pytest.raises(TokenRefused):
        world.auth0.verify_logout_token(id_token)
    with pytest.raises(TokenRefused):
        world.auth0.verify_id_token(world.sign(logout()), nonce="n-1")


def test_a_token_that_was_opened_is_judged_anew_and_ends_with_its_key(
    world: World, other_key: RSAKey
) -> None:
    token = world.sign(access())

    def again(**options: Any) -> Any:
        return world.auth0.verify_access_token(token, allowed_azp={"ata-cli"}, **options)

    assert again() == again()
    with pytest.raises(TokenRefused) as late:
        again(now=NOW + 700)
    assert late.value.code == "expired"
    with pytest.raises(TokenRefused) as elsewhere:
        world.auth0.verify_access_token(token, allowed_azp={"ata-web"})
    assert elsewhere.value.code == "client_not_allowed"
    same_name = {**other_key.as_dict(private=False), "kid": world.key.kid}
    for keys, code in (({"keys": [same_name]}, "signature"), (key_set(other_key), "unknown_key")):
        world.jwks.respond(json=keys)
        world.now += 86_400
        with pytest.raises(TokenRefused) as gone:
            again(now=NOW)
        assert gone.value.code == code
