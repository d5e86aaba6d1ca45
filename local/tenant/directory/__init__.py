"""Who is there: the demo accounts, people with their claims, consents and sign-in sessions."""
