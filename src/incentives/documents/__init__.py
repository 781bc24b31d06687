"""What people write down (plans, the company) <-> the pure types; every mistake at once."""
