"""Service kinds: one module a kind, found by its name."""
