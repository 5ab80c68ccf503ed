"""What is measured while the engine runs, and what code tells of itself."""
