"""The server: uvicorn, in one process or several."""
