"""Hold, release, block, unblock, allow, dismiss: the verbs and their remote steps."""
