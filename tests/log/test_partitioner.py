from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as kafkas_murmur2

from ticketlog.log.partitioner import murmur2, partition_of


@given(st.binary(max_size=200))
def test_the_hash_is_that_of_kafkas_partitioner(key: bytes) -> None:
    assert murmur2(key) == kafkas_murmur2(key) & 0xFFFFFFFF


@given(st.text(max_size=100), st.integers(min_value=1, max_value=1000))
def test_a_stream_lives_where_kafka_would_put_it(stream: str, partitions: int) -> None:
    expected = (kafkas_murmur2(stream.encode()) & 0x7FFFFFFF) % partitions
    assert partition_of(stream, partitions) == expected
