"""How views are folded, kept, rebuilt, brought forward and verified."""
