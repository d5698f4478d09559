"""Public holidays of countries and their parts, from the `holidays` library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from ticketlog.errors import Usage


def public_holidays(
    country: str,
    subdivision: str | None,
    categories: tuple[str, ...],
    first_year: int,
    last_year: int,
) -> Mapping[date, str]:
    """The holidays of these years by date, those that are moved to a working day included.

    Raises Usage for a country, subdivision or category that the library doesn't know.
    """
    import holidays  # a tenth of a second that no other command has to wait for

    known = holidays.list_supported_countries(include_aliases=True)
    if country not in known:
        raise Usage(f"no holidays are known for country {country!r}; write its code as in 'DE'")
    if subdivision is not None and subdivision not in known[country]:
        raise Usage(
            f"country {country} has no subdivision {subdivision!r}; {_known(known[country])}"
        )
    general = holidays.country_holidays(country)
    for category in categories:
        if category not in general.supported_categories:
            raise Usage(
                f"country {country} has no holidays of category {category!r}; "
                f"{_known(general.supported_categories)}"
            )
    return holidays.country_holidays(
        country,
        subdiv=subdivision,
        years=range(first_year, last_year + 1),
        categories=categories or None,
        # Without one the names would follow the locale of the machine that applies them.
        language=general.default_language,
    )


def _known(names: Iterable[str]) -> str:
    return f"known are {', '.join(sorted(names)) or 'none'}"
