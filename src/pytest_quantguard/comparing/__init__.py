"""Two reports side by side: what became of each budget, which cases changed, is it worse."""
