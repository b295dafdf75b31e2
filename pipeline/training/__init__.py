"""`make train`: from the orders to a model that is tested, registered and reported on; see `command`."""
