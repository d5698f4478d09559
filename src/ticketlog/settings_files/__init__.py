"""Settings as people write them: TOML, and what calendars are made from."""
