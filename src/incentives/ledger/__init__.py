"""What follows from lines once they stand (calculation.md section 11)."""
