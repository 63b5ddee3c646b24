"""Is the expected t known well enough from this much simulation?"""
