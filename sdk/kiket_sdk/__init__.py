"""Build and run Kiket extensions: signed webhooks in, platform calls out."""
