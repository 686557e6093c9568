"""The ports of the domain in memory, each transaction as strict as PostgreSQL."""
