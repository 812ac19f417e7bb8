"""The accounts: the equation, lag, lost records and incidents."""
