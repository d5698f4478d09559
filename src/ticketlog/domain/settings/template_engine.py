"""Liquid, as templates use it: no code, few tags and filters, strict, within limits; dates and
numbers as the reader's locale writes them (Unicode's CLDR, by Babel).

A rendering is a pure function of its template, its values, a locale and a time zone. Loading the
library takes a third of a second, so that this module is only imported where a text is parsed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, dates, numbers
from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin import (
    case_tag,
    comment_tag,
    content,
    for_tag,
    if_tag,
    illegal,
    output,
    unless_tag,
)
from liquid.builtin.filters import array, misc, string
from liquid.exceptions import FilterArgumentError, LiquidError, UndefinedError
from liquid.filter import with_context
from liquid.undefined import FalsyStrictUndefined

MOST_ITERATIONS = 1_000
"""Iterations of all loops of a template together, nested ones multiplied."""
MOST_BYTES = 100_000
"""Bytes of the text that a template makes, as UTF-8: half of the longest comment."""
_LOCALE, _ZONE = " locale", " zone"
"""Names of the context that no template can write."""
_WIDTHS = ("short", "medium", "long", "full")
_FALLBACK = "en"


class TemplateError(Exception):
    """A text that is no template, or that can't be rendered with the values that there are.
    `missing`: the name that has no value."""

    def __init__(self, message: str, missing: str | None = None) -> None:
        super().__init__(message)
        self.missing = missing


class _Environment(Environment):
    loop_iteration_limit = MOST_ITERATIONS
    output_stream_limit = MOST_BYTES
    context_depth_limit = 10
    block_nesting_limit = 10

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """The tags and filters that there are. What copies or repeats a text without bound
        (replace, append, assign, capture) isn't among them, nor what loads another template."""
        for tag in (
            *(content.Literal, output.Output, illegal.Illegal, comment_tag.CommentTag),
            *(if_tag.IfTag, unless_tag.UnlessTag, case_tag.CaseTag),
            *(for_tag.ForTag, for_tag.BreakTag, for_tag.ContinueTag),
        ):
            self.add_tag(tag)
        self.filters.update(FILTERS)


def _babel(context: RenderContext) -> Locale:
    return locale_of(str(context.globals[_LOCALE]))


def _width(width: object) -> Any:
    if width not in _WIDTHS:
        raise FilterArgumentError(f"a width is one of {', '.join(_WIDTHS)}", token=None)
    return width


def _date(value: object, width: object = "medium", *, context: RenderContext) -> str:
    if isinstance(value, datetime):
        value = value.astimezone(_zone(context)).date()
    if not isinstance(value, date):
        raise FilterArgumentError("`date` takes a time or a date", token=None)
    return dates.format_date(value, _width(width), locale=_babel(context))


def _time(value: object, width: object = "short", *, context: RenderContext) -> str:
    return dates.format_time(
        _moment(value, "time"), _width(width), tzinfo=_zone(context), locale=_babel(context)
    )


def _datetime(value: object, width: object = "medium", *, context: RenderContext) -> str:
    return dates.format_datetime(
        _moment(value, "datetime"), _width(width), tzinfo=_zone(context), locale=_babel(context)
    )


def _moment(value: object, filter: str) -> datetime:
    if not isinstance(value, datetime):
        raise FilterArgumentError(f"`{filter}` takes a time", token=None)
    return value


def _zone(context: RenderContext) -> ZoneInfo:
    return ZoneInfo(str(context.globals[_ZONE]))


def _number(value: object, *, context: RenderContext) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        raise FilterArgumentError("`number` takes a whole number", token=None)
    return numbers.format_decimal(value, locale=_babel(context))


def _join(value: object, separator: object = ", ") -> str:
    if not isinstance(value, list):
        raise FilterArgumentError("`join` takes a list", token=None)
    return str(separator).join(map(str, value))


FILTERS: Mapping[str, Any] = {
    "capitalize": string.capitalize,
    "date": with_context(_date),
    "datetime": with_context(_datetime),
    "default": misc.default,
    "downcase": string.downcase,
    "escape": string.escape,
    "first": array.first,
    "join": _join,
    "last": array.last,
    "number": with_context(_number),
    "size": misc.size,
    "strip": string.strip,
    "time": with_context(_time),
    "truncate": string.truncate,
    "upcase": string.upcase,
}
"""Filter -> its function."""
_PLAIN = _Environment(undefined=FalsyStrictUndefined)
_HTML = _Environment(undefined=FalsyStrictUndefined, autoescape=True)


class Parsed(NamedTuple):
    """A parsed template and the names that it takes from outside, each a path with dots."""

    template: BoundTemplate
    names: tuple[str, ...]


@lru_cache(maxsize=512)
def parsed(text: str, *, html: bool = False) -> Parsed:
    """Raises TemplateError where the text is no template, or uses what there isn't."""
    try:
        template = (_HTML if html else _PLAIN).from_string(text)
        analysis = template.analyze(include_partials=False)
    except (LiquidError, RecursionError) as error:
        raise TemplateError(_said(error)) from None
    for name in analysis.filters:
        if name not in FILTERS:
            raise TemplateError(f"filter {name!r} is unknown; known are {', '.join(FILTERS)}")
    names = []
    for variables in analysis.globals.values():
        for each in variables:
            if not all(isinstance(segment, str) for segment in each.segments):
                raise TemplateError(
                    f"{each}: a name is written in full, such as ticket.subject; it can't be "
                    "computed"
                )
            names.append(".".join(map(str, each.segments)))
    return Parsed(template, tuple(dict.fromkeys(names)))


def rendered(
    text: str, values: Mapping[str, Any], *, locale: str, zone: str, html: bool = False
) -> str:
    """The text that a template makes of values by their names in full: texts, whole numbers, truth
    values, lists of texts, dates, and times as aware `datetime`.

    Raises TemplateError, naming what has no value, or where a limit is reached.
    """
    nested: dict[str, Any] = {_LOCALE: locale, _ZONE: zone}
    for name, value in values.items():
        *path, last = name.split(".")
        place = nested
        for step in path:
            place = place.setdefault(step, {})
        place[last] = _shown(value, locale, zone)
    template, names = parsed(text, html=html)
    for name in names:
        # A name whose whole group is missing would otherwise be reported by its group alone.
        place = nested
        for step in name.split(".")[:-1]:
            place = place.setdefault(step, {})
    try:
        return template.render(**nested)
    except UndefinedError as error:
        missing = str(error.message).removesuffix(" is undefined").strip("'")
        raise TemplateError(f"{missing} has no value", missing) from None
    except (LiquidError, ValueError, RecursionError) as error:
        raise TemplateError(_said(error)) from None


class _ShownTime(datetime):
    """A time that is written, where no filter says how, as its reader's locale writes it."""

    shown: str

    def __str__(self) -> str:
        return self.shown


class _ShownDate(date):
    """The same of a date."""

    shown: str

    def __str__(self) -> str:
        return self.shown


def _shown(value: Any, locale: str, zone: str) -> Any:
    if isinstance(value, datetime):
        its = value.astimezone(ZoneInfo(zone))
        time = _ShownTime.combine(its.date(), its.timetz())
        time.shown = dates.format_datetime(its, locale=locale_of(locale))
        return time
    if isinstance(value, date):
        day = _ShownDate.fromordinal(value.toordinal())
        day.shown = dates.format_date(value, locale=locale_of(locale))
        return day
    return value


def _said(error: Exception) -> str:
    message = error.message if isinstance(error, LiquidError) else error
    return " ".join(str(message).split())[:300] or type(error).__name__


@lru_cache(maxsize=256)
def locale_of(tag: str) -> Locale:
    """The locale of a language tag, or of its language where nobody described the rest; English
    where that isn't known either."""
    for each in (tag, tag.partition("-")[0], _FALLBACK):
        try:
            return Locale.parse(each, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    raise AssertionError("Babel knows English")


def is_locale(tag: str) -> bool:
    """Whether dates and numbers can be written in a language."""
    try:
        Locale.parse(tag.partition("-")[0], sep="-")
    except (UnknownLocaleError, ValueError):
        return False
    return True


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(instant: int) -> datetime:
    """An instant, in microseconds since 1970, as templates take it."""
    return _EPOCH + timedelta(microseconds=instant)
