"""How the API fails in a storm; the benchmark measures the same one."""

STORM = {
    "drop_before": 0.05,
    "drop_after": 0.08,
    "error_500_before": 0.05,
    "error_500_after": 0.05,
    "garbage": 0.04,
    "cut_reply": 0.04,
    "error_429": 0.05,
    "error_503": 0.03,
    "hang_before": 0.005,
    "hang_after": 0.005,
}
"""The probability of each of the sandbox's faults."""
