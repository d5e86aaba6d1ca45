"""What the band of the local tenant offers in a demonstration; production mounts none of it."""
