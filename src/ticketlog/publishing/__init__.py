"""Accepted events for other services: a topic of CloudEvents, and what it promises.

docs/SUBSCRIBING.md says what a subscriber may rely on.
"""

from ticketlog.publishing.publisher import Publisher

__all__ = ["Publisher"]
