"""The model and its rules; imports nothing but the standard library."""
