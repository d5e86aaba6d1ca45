"""Pages about approvals, the policy and passkeys."""
