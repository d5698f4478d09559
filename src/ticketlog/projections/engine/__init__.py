"""The engine of the views: folds, keeps, rebuilds, advances and verifies them."""
