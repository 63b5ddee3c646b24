"""What finite simulation and training do to the result: errors of t from samples, networks and the reference."""
