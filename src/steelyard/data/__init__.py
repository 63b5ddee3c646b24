"""From ROOT ntuples to memory-mapped columns, splits and the reference mixture."""
