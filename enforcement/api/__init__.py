"""`/v1` of enforcement: one component at each gateway, and `/v1/outposts`."""
