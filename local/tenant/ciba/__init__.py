"""Client-initiated backchannel authentication: ask a person on their own phone.

Plays Auth0's CIBA endpoints (`/bc-authorize`, the poll grant, `/rich-consents/{id}`,
`/bc-verify`) and the phone that would run Guardian (`/phone/`).
"""
