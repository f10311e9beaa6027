"""Trains the network offline and writes `weights/`. The service never imports this package."""
