"""Respond: who hears of it, what is done, what users see."""
