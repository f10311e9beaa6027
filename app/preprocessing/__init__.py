"""From uploaded bytes to the 28 x 28 pixels that the network reads."""
