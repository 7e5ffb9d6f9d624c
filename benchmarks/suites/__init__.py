"""The measurements; each module has a `run(bench)` that gives its findings."""
