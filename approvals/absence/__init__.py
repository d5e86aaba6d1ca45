"""When approvers are away: others are asked first, and an away approver may still answer."""
