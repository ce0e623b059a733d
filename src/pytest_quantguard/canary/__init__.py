"""Verdicts on mirrored traffic: ``pytest --quant-pairs=mirror.jsonl``."""
