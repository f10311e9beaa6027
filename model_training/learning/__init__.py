"""Learning: backpropagation, Adam, the training loop, and the checks of the gradients."""
