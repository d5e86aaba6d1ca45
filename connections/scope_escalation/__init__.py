"""Scopes beyond a manifest: refused now, asked of people, allowed for a while (DESIGN 1.5).

`asking` answers the broker, `attempts` counts and slows, `allowances` is what people allowed,
`rules` what is set for a connection, `actions` the decisions, `shown` what pages and the API tell.
"""
