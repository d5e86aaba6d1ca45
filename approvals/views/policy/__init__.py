"""Pages of the policy: in force, draft, versions, and what it would do."""
