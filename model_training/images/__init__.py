"""Images: MNIST, and what is made of it or drawn for training and for measuring."""
