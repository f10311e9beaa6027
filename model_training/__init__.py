"""Trains the network offline and writes `weights/`. The service never imports this package."""

import app  # noqa: F401  # limits the threads of BLAS and OpenCV, before they are imported
