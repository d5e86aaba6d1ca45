"""Administrative acts at a gateway that are part of no decision, and who says they did one."""
