"""Training recipes and the hardware that runs them."""
