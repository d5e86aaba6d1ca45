"""Just-in-time access: per connection, how long agents may leave it unused, and at which hours.

`connection_rules` and `working_hours` are pure; `decisions` changes a setting, `access_gate` is
asked by the broker, and `idle_events` records what became idle or active again (DESIGN 1.5).
"""
