"""The remote steps of decisions about gateways."""
