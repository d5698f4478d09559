"""How agents spend their time."""
