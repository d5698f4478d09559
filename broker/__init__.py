"""Real Apache Kafka brokers on this machine, for people (`make kafka`) and for tests."""
