"""Other systems, each set up as its own documentation recommends for many short tasks."""
