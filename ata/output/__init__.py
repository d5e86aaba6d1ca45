"""What the operator sees: screens, and text from elsewhere made safe for a terminal."""
