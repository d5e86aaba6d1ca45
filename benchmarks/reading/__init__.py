"""Reading a large trail: one database of realistic events, one mix of filters, one table."""
