"""Services of the workflow around the library: jobs, packing, the plan of a run, digests, provenance."""
