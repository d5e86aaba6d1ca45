"""What the portal shows to a gateway, and what it refuses to use again."""
