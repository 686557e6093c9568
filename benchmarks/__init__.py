"""How near the data layer of a generated service comes to the driver below it."""
