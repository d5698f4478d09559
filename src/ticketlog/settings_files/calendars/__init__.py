"""The sources of calendars: time zones, public holidays, iCal files.

They are read when settings are applied, and frozen into the event. A calendar that is in force
needs none of them.
"""
