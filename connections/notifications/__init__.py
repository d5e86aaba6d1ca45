"""Telling owners what others did to their connections: on their pages, by e-mail, to a team."""
