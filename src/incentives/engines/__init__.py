"""How a calculation runs: the same functions, different drivers."""
