"""Training samples: token ids, labels, and the folder that holds them."""
