"""What the engine needs from the world, in the domain's verbs."""
