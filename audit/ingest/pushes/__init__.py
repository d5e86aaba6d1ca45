"""Receives what DefenseClaw gateways push: a spool on disk first, entries soon after."""
