"""Pages about approvals: the inbox, one request live, the policy in force."""
