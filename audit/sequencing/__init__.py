"""Gives each recorded event its place in the log and signs the tree."""
