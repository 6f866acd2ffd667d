"""What happened: runs, and who holds what."""
