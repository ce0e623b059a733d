"""One run on several machines: its shards, and how they become one report."""
