"""`ata skill|mcp|plugin|tool|alert`."""
