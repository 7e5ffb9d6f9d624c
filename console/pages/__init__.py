"""The pages: what a browser shows of the verbs, rendered here, with scripts only where it moves."""
