"""What scopes of common providers allow, in plain words: data, read by `connections.scopes`."""
