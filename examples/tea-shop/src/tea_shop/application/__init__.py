"""The use cases; imports the domain and pydantic."""
