"""What follows from lines once they stand (docs/rules.md section 11)."""
