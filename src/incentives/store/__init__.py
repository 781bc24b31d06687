"""Where everything is kept: SQLite by default, PostgreSQL for a company."""
