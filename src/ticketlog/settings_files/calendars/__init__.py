"""What calendars are made from: time zones, public holidays, iCal files.

All of it is read when settings are applied, and frozen into the event. Nothing here is asked again
when a calendar answers.
"""
