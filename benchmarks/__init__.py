"""Speed and memory, as ratios to the least work possible on the same facts in the same run."""
