"""Is it working, right now and over time: probes, their numbers, and the rules that judge them."""
