"""Pages: home, errors, template tags, the shell around every page."""
