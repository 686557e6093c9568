"""The ports of the domain in memory, as strict as PostgreSQL."""
