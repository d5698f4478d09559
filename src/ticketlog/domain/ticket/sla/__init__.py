"""What a commit does to the promises of a ticket."""
