"""Pages people see: sign-in, consent, devices, account switching, errors."""
