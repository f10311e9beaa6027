"""The web service that tells a handwritten 3 from a 7."""

import os

__version__ = "1.0.0"

# OpenBLAS, which NumPy contains, and OpenCV start a thread for each core on import or first use, unless these variables
# limit them. Images and matrices are small here: more threads make nothing faster.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
