"""What earlier runs found: one SQLite file that remembers each verdict, and shows what changed.

A run is kept as numbers and names, without a word of any model. What changed between two runs is
found when it is asked for: a run that is imported late stands where it belongs.
"""
