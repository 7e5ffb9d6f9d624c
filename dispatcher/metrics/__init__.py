"""Metrics for Prometheus: where they are served, and those of the books."""
