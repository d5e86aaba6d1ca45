"""Pages of the signed log: its state, its public files, its download."""
