"""The HTTP API: it translates between HTTP and the service."""
