"""How each payroll system wants to be told what to pay; one module per family of systems."""
