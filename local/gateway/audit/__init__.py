"""`audit.db`: its shape, its rows, their seals."""
