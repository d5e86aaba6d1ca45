"""The auditor's pages: the trail, one event as an exhibit, the ledger, exports, and `/log/`."""
