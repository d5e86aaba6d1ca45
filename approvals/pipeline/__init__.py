"""The pipeline of every decision: intent, policy, step-up, commit (DESIGN 1.3)."""
