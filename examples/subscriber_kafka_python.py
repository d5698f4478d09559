"""Keeps a small table of tickets from the public topic, by offset, with kafka-python.

python examples/subscriber_kafka_python.py BROKERS TOPIC FILE.db
"""

import json
import sqlite3
import sys

from kafka import KafkaConsumer, TopicPartition

brokers, topic, file = sys.argv[1:]
db = sqlite3.connect(file)
db.execute("CREATE TABLE IF NOT EXISTS place (part INTEGER PRIMARY KEY, next INTEGER)")
db.execute("CREATE TABLE IF NOT EXISTS ticket (id TEXT PRIMARY KEY, sequence INTEGER, last TEXT)")
consumer = KafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False)
places = [TopicPartition(topic, part) for part in consumer.partitions_for_topic(topic) or ()]
stored = dict(db.execute("SELECT part, next FROM place"))
consumer.assign(places)
for place in places:
    consumer.seek(place, stored.get(place.partition, 0))
ends = consumer.end_offsets(places)
while any(consumer.position(place) < ends[place] for place in places):  # or for ever
    for place, records in consumer.poll(timeout_ms=500).items():
        with db:  # the rows and the offset behind them, or neither
            for record in records:
                event = json.loads(record.value)
                id, sequence = event["subject"], int(event["sequence"])
                row = db.execute("SELECT sequence FROM ticket WHERE id = ?", (id,)).fetchone()
                seen = row[0] if row else -1
                if sequence > seen + 1:
                    sys.exit(f"{id}: {sequence} follows {seen}")
                if sequence == seen + 1:  # else it is there already: a page that came twice
                    values = (id, sequence, event["type"])
                    db.execute("INSERT OR REPLACE INTO ticket VALUES (?, ?, ?)", values)
            values = (place.partition, records[-1].offset + 1)
            db.execute("INSERT OR REPLACE INTO place VALUES (?, ?)", values)
