"""Passkeys: enrol one, sign an answer with it, tell verifiers which ones to trust.

`registration` checks what a browser made · `enrolment` holds it until it is decided on · `actions`
are the decisions · `answers` takes a signed answer to a request · `directory` is what verifiers
read. Words of WebAuthn Level 2 (W3C, 2021); the checks cite its sections.
"""
