"""What ``quantguard init`` writes: the files as they are written, and what puts them in place."""
