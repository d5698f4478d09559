"""A desk as a long-running process: its workers, its health, its metrics."""
