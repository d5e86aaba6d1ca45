"""Sample data of the demonstration, loaded once at the first start."""
