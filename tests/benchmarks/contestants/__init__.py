"""Other servers with the same weights, each set up as its documentation advises."""
