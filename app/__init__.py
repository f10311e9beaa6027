"""The web service that tells a handwritten 3 from a 7."""

__version__ = "1.0.0"
