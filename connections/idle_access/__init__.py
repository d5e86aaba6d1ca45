"""Just-in-time access: per connection, how long agents may leave it unused, and at which hours.

`setting` and `hours` are pure; `actions` changes a setting, `waking` is asked by the broker, and
`dozing` puts what fell asleep or woke by itself on the trail (DESIGN 1.5).
"""
