"""Scopes beyond a manifest: refused now, asked of people, allowed for a while (DESIGN 1.5).

`refuse_or_ask` answers the broker, `attempts` counts and slows, `allowances` is what people
allowed, `escalation_settings` what is set for a connection, `page_rows` what pages and the API
show.
"""
