"""The ports carried out on real services, and in memory for tests."""
