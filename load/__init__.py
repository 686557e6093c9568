"""How fast a generated service is, beside one that is written by hand."""
