"""A DEMO DefenseClaw gateway: the documented REST rules over a v8-shaped audit database.

It follows what DefenseClaw's own code does (``internal/gateway/api.go``), not what a client
would like: the token before anything else, then the CSRF rules, then the call.
"""
