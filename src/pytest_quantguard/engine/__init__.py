"""Requests to completions: one lane for each variant; the only concurrent code."""
