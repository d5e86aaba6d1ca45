"""Auth0's tenant log as a source of the inventory: a stream and a reader feed one recorder.

Entries come late, out of order and more than once (facts/auth0-wire.md sections 6.4 and 7), so
each is kept once by its `log_id` and nothing is concluded from what did not come.
"""
