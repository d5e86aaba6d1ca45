"""Takes in many events at once, and events that other systems report over the API."""
