"""Tests of the service and of the training."""

import app  # noqa: F401  # limits the threads of BLAS and OpenCV, before they are imported
