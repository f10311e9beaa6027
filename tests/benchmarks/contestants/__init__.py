"""What the service is compared with: the same weights, each served as its documentation advises."""
