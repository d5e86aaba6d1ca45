"""What scanners found: taken in, asked about, and what stays open."""
