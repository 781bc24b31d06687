"""The second model of the contract, and random histories to compare with it."""
