"""What surrounds every page: navigation, the strip of states, error pages."""
