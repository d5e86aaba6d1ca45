"""The audit database of a gateway: opened for reading only, its new scans taken in."""
