"""The demo: a small real app, and the story of losing its data and getting it back."""
