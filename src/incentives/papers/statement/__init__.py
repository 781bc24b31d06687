"""Statements of a quarter: the document that is stored and sealed, its page and its paper."""
