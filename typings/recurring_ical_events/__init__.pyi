from datetime import date
from typing import Protocol

from icalendar import Calendar
from icalendar.cal import Component

class Query(Protocol):
    def between(self, start: date, stop: date) -> list[Component]: ...

def of(a_calendar: Calendar) -> Query: ...
