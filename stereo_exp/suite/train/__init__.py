"""Training: a plain loop and the small parts it is made of."""
