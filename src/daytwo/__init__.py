"""Day-2 operations for self-hosted apps, from one file."""
