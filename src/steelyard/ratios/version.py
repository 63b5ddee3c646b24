"""The version of the training: another number asks for new networks."""

# Raise this to retrain every network. A change of training code alone never does: thousands of networks hang on it.
TRAINING_VERSION = "1"
