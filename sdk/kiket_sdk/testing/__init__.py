"""Help extension authors test their handlers."""
