"""Offline checks of what is handed out: proofs, exports, reviews, lists, the whole log."""
