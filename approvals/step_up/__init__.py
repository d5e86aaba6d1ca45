"""Approval on a second device: who is asked, by CIBA or passkey, and what an answer proves."""
