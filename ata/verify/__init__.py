"""What `ata verify` reads and reports: evidence files, trust roots, verdicts. Needs no server."""
