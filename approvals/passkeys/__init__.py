"""Passkeys: enrol one, sign an answer with it, tell verifiers which ones to trust.

`registration_ceremony` checks what a browser made · `sealed_registration` holds it until it is
decided on · `enrol_and_revoke` has the two decisions · `assertions` takes a signed answer to a
request · `verifier_trust_file` is what verifiers read. Words of
WebAuthn Level 2 (W3C, 2021); the checks cite its sections.
"""
