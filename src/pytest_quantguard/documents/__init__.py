"""The user's files: reading them strictly, filling them in, and changing them without harm."""
