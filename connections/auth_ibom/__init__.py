"""The Auth-IBOM: what agents can act as, for whom, through which credential, as CycloneDX 1.7.

A profile of CycloneDX, documented in `docs/ibom.md`: agents and components are `components`, each
connected account is a credential (a `cryptographic-asset` of type `token`), services are
`services`. The value of a credential is never in it: we do not have it.
"""
