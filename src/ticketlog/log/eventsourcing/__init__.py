"""The adapter to the `eventsourcing` library. Nothing else under `log/` knows the library."""
