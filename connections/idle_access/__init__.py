"""Just-in-time access: per connection, how long agents may leave it unused, and at which hours.

`idle_and_hours_setting_types` is pure; `change_setting_and_wake_account` has the decisions,
`access_gate` is asked by the broker, and `idle_and_active_events` records what became idle or
active again (DESIGN 1.5).
"""
