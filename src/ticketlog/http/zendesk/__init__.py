"""The desk in the shapes of Zendesk's API, version 2, to read only: what clients of that API find
below `/api/v2` (docs/ZENDESK.md). Each module has the shapes of one group of things, and `PATHS`,
which of them lie where."""
