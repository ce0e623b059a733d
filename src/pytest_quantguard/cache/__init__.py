"""Completions on disk, so that nothing is paid for twice."""
