"""The web service that tells a handwritten 3 from a 7."""

__version__ = "0.1.0"
