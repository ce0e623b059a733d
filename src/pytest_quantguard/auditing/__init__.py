"""Several endpoints that claim to be one model, on the same golden cases, ranked."""
