"""The partitioner: it assigns streams to partitions as Kafka's default one does, so that both
backends agree.

kafka-python has the same function, but importing it costs more than a whole `ticket show`
(measured: 160 ms); a test holds this one against it.
"""

from __future__ import annotations

from functools import lru_cache

_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


@lru_cache(maxsize=200_000)
def partition_of(stream: str, partitions: int) -> int:
    """murmur2 of the stream's UTF-8 bytes, made positive, modulo the number of partitions."""
    return (murmur2(stream.encode()) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """MurmurHash2 with Kafka's seed, as an unsigned 32-bit number."""
    length = len(data)
    whole = length & ~3
    h = 0x9747B28C ^ length
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        k = (k ^ (k >> 24)) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if whole != length:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)
