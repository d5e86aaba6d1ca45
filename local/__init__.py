"""What plays the world on one machine, labelled DEMO; nothing of the product imports it."""
