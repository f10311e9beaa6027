"""The routes, except those of `/v2` and of the schema. Each module has those of one part of the API."""
