"""What a plan may say; one file for each kind of component."""
