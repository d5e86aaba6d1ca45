"""Asks: intent, policy, step-up, outcome; the one pipeline of every decision."""
