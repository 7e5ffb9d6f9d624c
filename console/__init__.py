"""The HTTP API: the verbs of `dispatcher`, for whoever has a token."""
