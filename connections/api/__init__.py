"""Connections, manifests, access reviews and the token broker over `/v1`."""
