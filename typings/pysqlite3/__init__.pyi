"""pysqlite3 is the standard library's sqlite3, built with a newer SQLite."""
