"""The numbers: pure functions from facts and plans to lines (calculation.md sections 3 to 10)."""
