"""Widgets that draw lines; they know nouns and text, never the store or the engine."""
