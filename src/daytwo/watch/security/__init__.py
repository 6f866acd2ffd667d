"""Security events: facts with their evidence, and what was too much of them. Nothing is acted on here."""
