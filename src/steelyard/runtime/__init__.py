"""What the workflow needs around the library: jobs, packing, the plan of a run, digests, provenance."""
