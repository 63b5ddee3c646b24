"""Expressions of branches and parameters, parsed without executing anything."""
