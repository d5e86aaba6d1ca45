"""Hook events of agents: reading, judging, answering, recording."""
