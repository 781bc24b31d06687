"""One function for each thing a person does, in one transaction."""
