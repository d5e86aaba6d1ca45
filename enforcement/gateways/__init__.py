"""DefenseClaw gateways: their API, their database, their health and what they enforce."""
