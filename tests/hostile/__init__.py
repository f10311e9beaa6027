"""What wants to break the service."""
