"""Servers that the gate starts, one after the other where only one fits."""
