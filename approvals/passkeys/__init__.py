"""Passkeys: enrol one, sign an answer with it, tell verifiers which ones to trust.

`registration` checks what a browser made · `pending_registration` holds it until it is decided on ·
`decisions` enrol and revoke · `assertions` takes a signed answer to a request · `trusted_keys` is
what verifiers read. Words of WebAuthn Level 2 (W3C, 2021); the checks cite its sections.
"""
