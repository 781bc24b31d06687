"""The numbers: pure functions from facts and plans to lines (docs/rules.md sections 3 to 10)."""
