"""Benchmarks: ours, the peers and the limit, measured in one run. `python -m benchmarks --help`.

`stage` has the servers, workers and sinks that a run needs, `meters` what a run costs, `findings`
what comes of it; `suites` are the measurements, `contestants` those who send the same chunks.
"""
