"""Submit a decision, wait for its approval, report what its remote steps confirmed."""
