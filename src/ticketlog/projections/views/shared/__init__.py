"""The parts that several views share: custody, dimensions, intervals, periods."""
