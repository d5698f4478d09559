"""The Kafka backend: a topic per log, and an index of it on the local disk."""
