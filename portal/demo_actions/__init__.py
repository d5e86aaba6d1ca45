"""What the band of the local tenant offers in a demonstration; elsewhere its pages answer 404."""
