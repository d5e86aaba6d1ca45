"""Pages of the enforcement room; they live in the portal because they need the signed-in person."""
