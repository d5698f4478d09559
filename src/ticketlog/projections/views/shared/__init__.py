"""What several views are made of: custody, dimensions, intervals, periods."""
