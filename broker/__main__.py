"""python -m broker [BROKERS]: Kafka on this machine until Ctrl-C; its data stays in build/kafka."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from broker.cluster import BrokerError, Cluster
from broker.installed import CACHE, Missing
from broker.node import Ports

FIRST_PORT = 9092


def main(arguments: Sequence[str]) -> int:
    if list(arguments) not in ([], ["1"], ["3"]):
        print("how many brokers? 1 or 3", file=sys.stderr)
        return 2
    brokers = int(arguments[0]) if arguments else 1
    ports = [Ports(FIRST_PORT + 10 * n, FIRST_PORT + 10 * n + 1) for n in range(brokers)]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cluster = Cluster(CACHE / f"data-{brokers}", brokers, at=ports)
    try:
        cluster.start()
        print(f"Kafka serves at kafka://{cluster.bootstrap}/ticketlog until Ctrl-C")
        first = f"ticketlog init my-desk --log kafka://{cluster.bootstrap}/ticketlog"
        print(f"  next: {first}", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        cluster.stop()
    except (BrokerError, Missing) as error:
        print(f"no broker: {error}", file=sys.stderr)
        return 3
    finally:
        cluster.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
