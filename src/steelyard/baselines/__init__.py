"""The binned analyses that run beside the unbinned one."""
