"""Manifests of components: what they may use, how they change, who is allowed at all."""
