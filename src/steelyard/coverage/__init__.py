"""Coverage of the belt, with whole experiments of the true model."""
