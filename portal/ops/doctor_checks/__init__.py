"""`doctor`: what does not work here, and what defects of earlier versions left (SECURITY.md)."""
