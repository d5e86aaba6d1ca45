"""Just-in-time access: per connection, how long agents may leave it unused, and at which hours.

`connection_settings` is pure; `restrict_relax_wake` changes a setting, `access_gate` is asked by
the broker, and `idle_and_active_events` records what became idle or active again (DESIGN 1.5).
"""
