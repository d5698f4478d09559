"""The effect of a commit on the promises of a ticket."""
