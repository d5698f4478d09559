"""The index of a log: records by place, by stream and by id in one
SQLite file. Both backends read and write it."""
