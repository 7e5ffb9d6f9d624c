"""Those who send the same chunks: ours, the loop without a queue, and the peers."""
