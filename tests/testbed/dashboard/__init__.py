"""The dashboard in a real browser: for its tests, and for the pictures in the docs."""
