"""Pictures of results: functions from results to matplotlib figures, none of which computes."""
