"""What a line of output says of itself: how grave it is, whose it is, which trace it belongs to."""
