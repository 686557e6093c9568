"""PostgreSQL by SQLAlchemy: the only layer that knows of either."""
