"""Files that go out: tables of a calculation and payroll files."""
