"""The routes. Each module has those of one part of the API."""
