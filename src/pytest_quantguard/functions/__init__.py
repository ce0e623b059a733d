"""Test functions as golden cases, and models that a test drives itself."""
