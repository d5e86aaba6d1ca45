"""A token in the hands of somebody who can write any bytes, and every forgery we know of."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import RSAKey


class _Absent:
    def __repr__(self) -> str:
        return "left out"


ABSENT = _Absent()
KID = "key-1"
KEY = RSAKey.generate_key(2048, {"kid": KID, "use": "sig", "alg": "RS256"})
SECOND = RSAKey.generate_key(2048, {"kid": "key-2", "use": "sig", "alg": "RS256"})
ROGUE = RSAKey.generate_key(2048, {"kid": "rogue", "use": "sig", "alg": "RS256"})


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def private(key: RSAKey) -> rsa.RSAPrivateKey:
    """The key to sign with."""
    found = key.private_key
    assert isinstance(found, rsa.RSAPrivateKey)
    return found


def public(key: RSAKey) -> dict[str, Any]:
    """The key as the issuer publishes it."""
    return dict(key.as_dict(private=False))


def rs256(key: RSAKey, message: bytes) -> bytes:
    """The one kind of signature that is accepted."""
    return private(key).sign(message, padding.PKCS1v15(), hashes.SHA256())


@dataclass
class Forge:
    """One token before it is written. `sign` gets the signing input; None is RS256 by `key`."""

    claims: dict[str, Any]
    header: dict[str, Any] = field(
        default_factory=lambda: {"alg": "RS256", "typ": "JWT", "kid": KID}
    )
    key: RSAKey = field(default_factory=lambda: KEY)
    sign: Callable[[bytes], bytes] | None = None
    raw_header: bytes | None = None
    raw_payload: bytes | None = None
    finish: Callable[[str], Any] | None = None
    access_token: str = ""

    def token(self) -> Any:
        """The compact form, or whatever `finish` makes of it."""
        header = self.raw_header or json.dumps(present(self.header)).encode()
        payload = self.raw_payload or json.dumps(present(self.claims)).encode()
        message = f"{b64(header)}.{b64(payload)}"
        signature = (self.sign or (lambda m: rs256(self.key, m)))(message.encode())
        token = f"{message}.{b64(signature)}"
        return self.finish(token) if self.finish else token


def present(members: dict[str, Any]) -> dict[str, Any]:
    """Without what is to be absent."""
    return {name: value for name, value in members.items() if value is not ABSENT}


type Bend = Callable[[Forge], None]


@dataclass(frozen=True)
class Attack:
    """A name, how to bend a good token, and the word that the refusal must have."""

    name: str
    bend: Bend
    expected: str

    def __str__(self) -> str:
        return self.name


def header(expected: str, name: str, **members: Any) -> Attack:
    """Other header members under a signature that would hold."""
    return Attack(name, lambda forge: forge.header.update(members), expected)


def claims(expected: str, name: str, members: dict[str, Any]) -> Attack:
    """Other claims under a signature that holds."""
    return Attack(name, lambda forge: forge.claims.update(members), expected)


def written(expected: str, name: str, finish: Callable[[str], Any]) -> Attack:
    """A good token that is written differently."""

    def bend(forge: Forge) -> None:
        forge.finish = finish

    return Attack(name, bend, expected)


def _unsigned(alg: Any, signature: bytes) -> Bend:
    def bend(forge: Forge) -> None:
        forge.header["alg"] = alg
        forge.sign = lambda _message: signature

    return bend


def _keyed(alg: str, secret: bytes) -> Bend:
    digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[alg]

    def bend(forge: Forge) -> None:
        forge.header["alg"] = alg
        forge.sign = lambda message: hmac.new(secret, message, digest).digest()

    return bend


def forms_of_the_public_key(key: RSAKey = KEY) -> dict[str, bytes]:
    """Every text and byte string that a careless verifier might hand to HMAC."""
    open_key = private(key).public_key()
    numbers = open_key.public_numbers()
    jwk = public(key)
    n = numbers.n.to_bytes(256)
    spki, pkcs1 = PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1
    pem = open_key.public_bytes(Encoding.PEM, spki)
    return {
        "pem": pem,
        "pem without its last newline": pem.rstrip(b"\n"),
        "pem with crlf": pem.replace(b"\n", b"\r\n"),
        "pem of pkcs1": open_key.public_bytes(Encoding.PEM, pkcs1),
        "der": open_key.public_bytes(Encoding.DER, spki),
        "der of pkcs1": open_key.public_bytes(Encoding.DER, pkcs1),
        "base64 of der": base64.b64encode(open_key.public_bytes(Encoding.DER, spki)),
        "ssh": open_key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "jwk": json.dumps(jwk).encode(),
        "jwk in the form of its thumbprint": json.dumps(
            {name: jwk[name] for name in ("e", "kty", "n")}, separators=(",", ":")
        ).encode(),
        "jwks": json.dumps({"keys": [jwk]}).encode(),
        "n as published": str(jwk["n"]).encode(),
        "n bytes": n,
        "n bytes with a leading zero": b"\0" + n,
        "n in hex": n.hex().encode(),
        "n in decimal": str(numbers.n).encode(),
        "e as published": str(jwk["e"]).encode(),
        "kid": KID.encode(),
        "nothing": b"",
    }


def _by(key: RSAKey, **members: Any) -> Bend:
    def bend(forge: Forge) -> None:
        forge.key = key
        forge.header.update(members)

    return bend


def _elliptic(message: bytes) -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).sign(message, ec.ECDSA(hashes.SHA256()))


def _edwards(message: bytes) -> bytes:
    return ed25519.Ed25519PrivateKey.generate().sign(message)


def _pss(message: bytes) -> bytes:
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    return private(KEY).sign(message, scheme, hashes.SHA256())


def _signed_as(alg: Any, sign: Callable[[bytes], bytes]) -> Bend:
    def bend(forge: Forge) -> None:
        forge.header["alg"] = alg
        forge.sign = sign

    return bend


def _longer(algorithm: hashes.HashAlgorithm) -> Callable[[bytes], bytes]:
    return lambda message: private(KEY).sign(message, padding.PKCS1v15(), algorithm)


def _fixed(signature: bytes) -> Bend:
    def bend(forge: Forge) -> None:
        forge.sign = lambda _message: signature

    return bend


def _flipped(forge: Forge) -> None:
    def sign(message: bytes) -> bytes:
        signature = bytearray(rs256(forge.key, message))
        signature[100] ^= 1
        return bytes(signature)

    forge.sign = sign


def _somebody_elses_signature(forge: Forge) -> None:
    other = Forge(forge.claims | {"sub": "auth0|somebody-else"}).token()
    forge.finish = lambda token: ".".join([*token.split(".")[:2], other.split(".")[2]])


def _payload_exchanged(forge: Forge) -> None:
    def finish(token: str) -> str:
        head, _, signature = token.split(".")
        body = present(forge.claims) | {"sub": "auth0|admin"}
        return f"{head}.{b64(json.dumps(body).encode())}.{signature}"

    forge.finish = finish


def _payload(raw: Callable[[bytes], bytes]) -> Bend:
    def bend(forge: Forge) -> None:
        forge.raw_payload = raw(json.dumps(present(forge.claims)).encode())

    return bend


def _header(raw: bytes) -> Bend:
    def bend(forge: Forge) -> None:
        forge.raw_header = raw

    return bend


def _as_json(token: str) -> str:
    head, body, signature = token.split(".")
    return json.dumps({"protected": head, "payload": body, "signature": signature})


JKU = "http://localhost:9/rogue/jwks.json"
FORGERIES: tuple[Attack, ...] = (
    *(
        Attack(f"alg {alg!r}, {how}", _unsigned(alg, signature), "algorithm")
        for alg in ("none", "None", "NONE", "nOnE", "none ", "", None, False, ABSENT)
        for how, signature in (("no signature", b""), ("some signature", b"\0" * 256))
    ),
    *(
        Attack(f"HS256 with {form}", _keyed("HS256", secret), "algorithm")
        for form, secret in forms_of_the_public_key().items()
    ),
    Attack("HS384 with pem", _keyed("HS384", forms_of_the_public_key()["pem"]), "algorithm"),
    Attack("HS512 with pem", _keyed("HS512", forms_of_the_public_key()["pem"]), "algorithm"),
    Attack("alg RS384 by the real key", _signed_as("RS384", _longer(hashes.SHA384())), "algorithm"),
    Attack("alg RS512 by the real key", _signed_as("RS512", _longer(hashes.SHA512())), "algorithm"),
    Attack("alg PS256 by the real key", _signed_as("PS256", _pss), "algorithm"),
    Attack("RS256 that is PS256", _signed_as("RS256", _pss), "signature"),
    Attack("RS256 that is RS512", _signed_as("RS256", _longer(hashes.SHA512())), "signature"),
    Attack("alg ES256", _signed_as("ES256", _elliptic), "algorithm"),
    Attack("alg EdDSA", _signed_as("EdDSA", _edwards), "algorithm"),
    header("algorithm", "alg in lower case", alg="rs256"),
    header("algorithm", "alg with a NUL", alg="RS256\0"),
    header("algorithm", "alg as a list", alg=["RS256"]),
    header("algorithm", "alg as an object", alg={"RS256": True}),
    header("algorithm", "alg as a number", alg=256),
    Attack("rogue key under its own kid", _by(ROGUE, kid="rogue"), "unknown_key"),
    Attack("rogue key under a known kid", _by(ROGUE), "signature"),
    Attack("rogue key without a kid", _by(ROGUE, kid=ABSENT), "unknown_key"),
    Attack("second key under the first kid", _by(SECOND), "signature"),
    Attack("kid of the second key", _by(KEY, kid="key-2"), "signature"),
    header("unknown_key", "kid is a path", kid="../../../../dev/null"),
    header("unknown_key", "kid is a query", kid="x' UNION SELECT 'key'--"),
    header("unknown_key", "kid is an address", kid=JKU),
    header("unknown_key", "kid is empty", kid=""),
    header("unknown_key", "kid in another case", kid=KID.upper()),
    header("malformed", "kid with a surrogate", kid="\ud800"),
    header("header", "kid is a number", kid=1),
    header("header", "kid is an object", kid={"kid": KID}),
    header("header", "kid is a list", kid=[KID]),
    Attack("own key in the header", _by(ROGUE, jwk=public(ROGUE)), "header"),
    Attack("own key in the header and no kid", _by(ROGUE, jwk=public(ROGUE), kid=ABSENT), "header"),
    Attack("jku", _by(ROGUE, jku=JKU, kid="rogue"), "header"),
    Attack("x5u", _by(ROGUE, x5u=JKU, kid="rogue"), "header"),
    Attack("x5c", _by(ROGUE, x5c=["MIIB"]), "header"),
    header("header", "crit", crit=["exp"]),
    header("header", "crit is empty", crit=[]),
    header("header", "b64 is false", b64=False, crit=["b64"]),
    header("header", "zip", zip="DEF"),
    header("header", "enc", enc="A128GCM"),
    header("type", "typ of a proof", typ="dpop+jwt"),
    header("type", "typ of a security event", typ="secevent+jwt"),
    header("type", "typ is a number", typ=5),
    header("type", "typ is null", typ=None),
    Attack("one bit of the signature flipped", _flipped, "signature"),
    Attack("signature of zeros", _fixed(b"\0" * 256), "signature"),
    Attack("signature of ones", _fixed(b"\0" * 255 + b"\1"), "signature"),
    Attack("signature too short", _fixed(b"\1"), "signature"),
    Attack("signature too long", _fixed(b"\1" * 5000), "signature"),
    Attack("signature left out", _fixed(b""), "signature"),
    Attack("somebody else's signature", _somebody_elses_signature, "signature"),
    Attack("payload exchanged", _payload_exchanged, "signature"),
    written("malformed", "JSON serialization", _as_json),
    written("malformed", "two parts", lambda token: token.rpartition(".")[0]),
    written("malformed", "four parts", lambda token: f"{token}.AAAA"),
    written("encrypted", "five parts", lambda token: f"{token}.AAAA.AAAA"),
    written("malformed", "padded", lambda token: token.replace(".", "==.", 1)),
    Attack("header is a list", _header(b"[]"), "malformed"),
    Attack("header is not JSON", _header(b"{alg:RS256}"), "malformed"),
    Attack("header names alg twice", _header(b'{"alg":"none","alg":"RS256"}'), "malformed"),
    Attack("header in UTF-16", _header('{"alg":"RS256"}'.encode("utf-16")), "malformed"),
    Attack("payload is a list", _payload(lambda body: b"[" + body + b"]"), "malformed"),
    Attack("payload is text", _payload(lambda _: b'"admin"'), "malformed"),
    Attack("payload is null", _payload(lambda _: b"null"), "malformed"),
    Attack("payload is empty", _payload(lambda _: b" "), "malformed"),
    Attack("payload is cut off", _payload(lambda body: body[:-1]), "malformed"),
    Attack("payload in UTF-16", _payload(lambda body: body.decode().encode("utf-16")), "malformed"),
    Attack("payload with a BOM", _payload(lambda body: b"\xef\xbb\xbf" + body), "malformed"),
    Attack("payload names sub twice", _payload(lambda b: b[:-1] + b',"sub":"x"}'), "malformed"),
    Attack("payload holds NaN", _payload(lambda b: b[:-1] + b',"x":NaN}'), "malformed"),
    Attack("payload holds half a character", _payload(lambda b: b[:-1] + b',"x":"\xc3"}'),
           "malformed"),
    Attack("payload holds a lone surrogate", _payload(lambda b: b[:-1] + rb',"x":"\ud800"}'),
           "malformed"),
    Attack("payload nests without end", _payload(lambda _: b"[" * 45_000), "malformed"),
)  # fmt: skip
"""What no token of any kind survives, whatever it claims."""
