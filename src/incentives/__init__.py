"""Commission, clawbacks and shared bonuses on paid invoices: every number explained down to the payment."""
