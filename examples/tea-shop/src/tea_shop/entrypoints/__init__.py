"""What drives the service from outside."""
