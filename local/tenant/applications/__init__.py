"""Which applications and APIs there are, and how applications prove who they are."""
