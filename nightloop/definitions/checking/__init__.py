"""What a definition must mean, beyond its shape."""
