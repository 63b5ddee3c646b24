"""The compiled engine of the likelihood: events in blocks, their moments, Newton's method, and profile fits of toys."""
