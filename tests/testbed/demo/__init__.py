"""The demo: real work through the whole path, on a real cluster, checked to the last execution."""
