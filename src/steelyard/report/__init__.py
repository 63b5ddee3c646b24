"""The result as tables, text and a page."""
