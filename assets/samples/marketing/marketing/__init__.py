"""What the extension knows of leads, the funnel, campaigns and service levels; no I/O."""
