"""Benchmarks: daytwo side by side with what people use today. `make bench-protect` prints the ratios."""
