"""A simulated help desk: the same seed gives the same tickets, on every machine."""

from ticketlog.demo.simulation import simulate
from ticketlog.demo.world import DemoStep

__all__ = ["DemoStep", "simulate"]
