"""The configuration: its schema, its checks, and what follows from it."""
