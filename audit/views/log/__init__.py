"""The signed log: its state, its public files, the whole of it to take away."""
