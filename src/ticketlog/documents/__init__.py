"""Documents: what `--json`, exports and lists say, one typed model each, with what makes it of what
the desk knows.

Every field says by its type what it holds (`documents.base`): an instant is an ISO text in UTC,
`2026-01-31T09:00:00.000000Z`; a duration's name says its unit; ids are texts.
"""
