"""Folders of skills and plugins: watching, scanning, quarantine."""
