"""Scopes beyond a manifest: refused now, asked of people, allowed for a while (DESIGN 1.5).

`refuse_or_ask` answers the broker, `attempt_limits` counts and slows, `allowances_in_force` is what
people allowed, `connection_rules` what is set for a connection, `page_rows` what pages and the
API show.
"""
