"""Kinds that are watched over the network."""
