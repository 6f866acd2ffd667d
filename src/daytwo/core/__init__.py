"""Nouns and contracts. Imports nothing else of daytwo."""
