"""Keeps a small table of tickets from the public topic, by offset, with confluent-kafka.

python examples/subscriber_confluent.py BROKERS TOPIC FILE.db
"""

import json
import sqlite3
import sys

from confluent_kafka import Consumer, TopicPartition

brokers, topic, file = sys.argv[1:]
db = sqlite3.connect(file)
db.execute("CREATE TABLE IF NOT EXISTS place (part INTEGER PRIMARY KEY, next INTEGER)")
db.execute("CREATE TABLE IF NOT EXISTS ticket (id TEXT PRIMARY KEY, sequence INTEGER, last TEXT)")
consumer = Consumer(
    {"bootstrap.servers": brokers, "group.id": "unused", "enable.auto.commit": False}
)
parts = consumer.list_topics(topic, timeout=10).topics[topic].partitions
next = dict.fromkeys(parts, 0) | dict(db.execute("SELECT part, next FROM place"))
ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), 10)[1] for p in parts}
consumer.assign([TopicPartition(topic, part, next[part]) for part in parts])
while any(next[part] < ends[part] for part in parts):  # or for ever
    record = consumer.poll(0.5)
    if record is None:
        continue
    if record.error():
        sys.exit(str(record.error()))
    with db:  # the row and the offset behind it, or neither
        event = json.loads(record.value())
        id, sequence = event["subject"], int(event["sequence"])
        row = db.execute("SELECT sequence FROM ticket WHERE id = ?", (id,)).fetchone()
        seen = row[0] if row else -1
        if sequence > seen + 1:
            sys.exit(f"{id}: {sequence} follows {seen}")
        if sequence == seen + 1:  # else it is there already: a page that came twice
            values = (id, sequence, event["type"])
            db.execute("INSERT OR REPLACE INTO ticket VALUES (?, ?, ?)", values)
        next[record.partition()] = record.offset() + 1
        values = (record.partition(), record.offset() + 1)
        db.execute("INSERT OR REPLACE INTO place VALUES (?, ?)", values)
consumer.close()
