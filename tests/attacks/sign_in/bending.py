"""Claims that every kind of token has, bent one at a time."""

from __future__ import annotations

from tests.attacks.sign_in.forging import ABSENT, Attack, claims


def with_times(now: float, issuer: str, own: str) -> tuple[Attack, ...]:
    """Claims that every kind of token has: issuer, audience (`own` is right) and times."""
    bare = issuer.rstrip("/")
    return (
        claims("issuer", "iss of somebody else", {"iss": "https://evil.example/"}),
        claims("issuer", "iss without its slash", {"iss": bare}),
        claims("issuer", "iss with two slashes", {"iss": issuer + "/"}),
        claims("issuer", "iss in another case", {"iss": issuer.upper()}),
        claims("issuer", "iss with a path", {"iss": issuer + "evil"}),
        claims("issuer", "iss with our name inside", {"iss": f"https://evil.example/?{issuer}"}),
        claims("missing_claim", "no iss", {"iss": ABSENT}),
        claims("missing_claim", "iss is empty", {"iss": ""}),
        claims("missing_claim", "iss is null", {"iss": None}),
        claims("bad_claim", "iss is a list", {"iss": [issuer]}),
        claims("bad_claim", "iss is an object", {"iss": {"url": issuer}}),
        claims("bad_claim", "iss is too long", {"iss": issuer + "x" * 4000}),
        claims("audience", "aud of another client", {"aud": "another-client"}),
        claims("audience", "aud of several others", {"aud": ["a", "b"]}),
        claims("audience", "aud in another case", {"aud": own.upper()}),
        claims("audience", "aud with a space", {"aud": own + " "}),
        claims("audience", "aud as one text of many", {"aud": f"{own} another"}),
        claims("missing_claim", "no aud", {"aud": ABSENT}),
        claims("missing_claim", "aud is null", {"aud": None}),
        claims("missing_claim", "aud is an empty list", {"aud": []}),
        claims("missing_claim", "aud is empty", {"aud": ""}),
        claims("bad_claim", "aud is an object", {"aud": {own: True}}),
        claims("bad_claim", "aud is true", {"aud": True}),
        claims("bad_claim", "aud holds a number", {"aud": [own, 7]}),
        claims("bad_claim", "aud holds a list", {"aud": [[own]]}),
        claims("expired", "expired long ago", {"exp": now - 3600}),
        claims("expired", "expired a minute and more ago", {"exp": now - 62}),
        claims("expired", "exp is zero", {"exp": 0}),
        claims("missing_claim", "no exp", {"exp": ABSENT}),
        claims("missing_claim", "exp is null", {"exp": None}),
        claims("bad_claim", "exp is text", {"exp": str(now + 600)}),
        claims("bad_claim", "exp is true", {"exp": True}),
        claims("bad_claim", "exp is negative", {"exp": -1}),
        claims("bad_claim", "exp is beyond every calendar", {"exp": 2**52}),
        claims("bad_claim", "exp is beyond every number", {"exp": 10**400}),
        claims("bad_claim", "exp is a list", {"exp": [now + 600]}),
        claims("missing_claim", "no iat", {"iat": ABSENT}),
        claims("issued_in_future", "iat in a minute and a half", {"iat": now + 90}),
        claims("bad_claim", "iat is text", {"iat": "now"}),
        claims("bad_claim", "iat is an object", {"iat": {}}),
        claims("not_yet_valid", "nbf in a minute and a half", {"nbf": now + 90}),
        claims("bad_claim", "nbf is text", {"nbf": "now"}),
        claims("bad_claim", "sub is a number", {"sub": 7}),
        claims("bad_claim", "sub is an object", {"sub": {"sub": "x"}}),
        claims("bad_claim", "sub is a list", {"sub": ["auth0|x"]}),
        claims("bad_claim", "sub is too long", {"sub": "x" * 256}),
        claims("bad_claim", "sub holds a NUL", {"sub": "auth0|a\0b"}),
        claims("bad_claim", "sub holds a line break", {"sub": "auth0|a\r\nSet-Cookie: x=1"}),
    )
