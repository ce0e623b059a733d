"""``quantguard doctor``: what would keep a run from saying anything, found with a few requests."""
