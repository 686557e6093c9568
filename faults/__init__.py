"""Proof, by breaking things, that what a generated service keeps is kept."""
