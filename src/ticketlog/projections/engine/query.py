"""Questions that views answer: each an object with a name, typed parameters, and the document of
its answer. The command line, the manual and other ways in are made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from ticketlog.documents.base import Document
from ticketlog.documents.ready_values import ready_json
from ticketlog.domain.settings.model import Settings
from ticketlog.projections.engine.moment import Moment

if TYPE_CHECKING:
    from ticketlog.projections.engine.projection import Tables

Answer = TypeVar("Answer")

Limit = Annotated[int, Field(ge=1, le=10_000, description="Rows at most.")]
After = Annotated[str | None, Field(description="The page behind: the `next` of this one.")]


class Page(NamedTuple):
    """A page of a list; `next` is the `after` that gives the one behind it."""

    rows: list[dict[str, Any]]
    next: str | None


class Reading(NamedTuple):
    """The input of an answer: the tables of the query's view, and values that views don't have."""

    connection: Connection
    tables: Tables
    settings: Callable[[], Settings] = Settings
    """The settings of the moment that is asked about, or of the basis."""
    moment: Moment | None = None
    """The moment that live rows are asked about (`Query.OF_ANY_MOMENT`); None: the one of which
    the rows are."""
    limited: bool = False
    """Rows are left out for who asks: nothing may follow from what they hold."""


class ShellSpec(NamedTuple):
    """The specification of a query for the command line, beside its fields."""

    help: str = ""
    """Empty: the query's docstring."""
    examples: tuple[str, ...] = ()
    """Command lines that ask it."""
    positional: tuple[str, ...] = ()
    """Fields that need no option name."""
    joined: tuple[str, ...] = ()
    """Of these, those whose words are written apart."""
    hidden: tuple[str, ...] = ()
    """Fields that are no options."""
    fixed: Mapping[str, Any] = {}
    """Fields that it fills in itself."""
    options: Mapping[str, str] = {}
    """Field -> the name of its option, where that is another."""
    metavars: Mapping[str, str] = {}
    """Field -> what stands for its value in the help."""
    columns: tuple[str, ...] = ()
    """The columns of its rows that fit on a page for people; empty: all."""


class Query(BaseModel, Generic[Answer]):
    """A question of a view. Its fields are the parameters, each with a description.

    Times are microseconds since 1970, as views hold them; parameters may be given as ISO texts too
    (`Instant`), and the document has such.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    NAME: ClassVar[str]
    """In lowercase, with hyphens: of the command line, of routes."""
    DOCUMENT: ClassVar[type[Document]]
    """What the answer is for other programs."""
    SHELL: ClassVar[ShellSpec] = ShellSpec()
    OF_ANY_MOMENT: ClassVar[bool] = False
    """Live rows answer for a past moment as well: it looks at `Reading.moment`."""

    def ask(self, at: Reading) -> Answer:
        """The answer in plain values. Raises ValueError for parameters that mean nothing."""
        raise NotImplementedError

    def document(self, answer: Answer, **about: Any) -> Document:
        """The answer for other programs. A mapping has the document's fields; anything else is its
        first field, several values are the first ones. `about`: further fields."""
        return self.DOCUMENT.filled(self._values(answer), **about)

    def ready_json(self, answer: Answer) -> bytes | None:
        """The JSON of the document, where it needn't be made for that; None: it has to be."""
        own = type(self).document is not Query.document
        return None if own else ready_json(self.DOCUMENT, self._values(answer))

    def _values(self, answer: Answer) -> Mapping[str, Any]:
        """The values of the document's fields."""
        if isinstance(answer, Mapping):
            return answer
        values = answer if isinstance(answer, tuple) else (answer,)
        return dict(zip(self.DOCUMENT.model_fields, values, strict=False))
