"""Break-glass: a local sign-in for the hours in which the issuer is away. Off by default."""
