"""Files of MCP clients: where each is, how a server stands in it, how it is changed."""
