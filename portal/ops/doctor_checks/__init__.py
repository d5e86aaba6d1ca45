"""`doctor`: what defects of earlier versions may have left here (SECURITY.md), and its repair."""
