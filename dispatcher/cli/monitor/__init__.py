"""Live pages on a terminal: what is drawn is a function of what was read; keys steer campaigns."""
