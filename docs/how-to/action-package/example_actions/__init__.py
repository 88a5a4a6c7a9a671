"""Actions of the example team."""
