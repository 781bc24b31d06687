"""Scenarios that a finance controller reads and could write: YAML files, and what runs them."""
