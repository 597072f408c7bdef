"""Scripts about the project itself."""
