"""A person, an organisation and an agent, as they are or were."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from ticketlog.documents.parties import Agent, Organisation, Person
from ticketlog.domain import rights
from ticketlog.domain.base import NotFound
from ticketlog.domain.parties.agent import Held
from ticketlog.errors import TicketlogError

if TYPE_CHECKING:
    from ticketlog.application.ticket_documents import TicketSource
    from ticketlog.domain.base import Actor

_HIDDEN = frozenset({"changed", "version", "clock"})
_TIMES = ("since", "absent_since", "reserved_at", "released_at")


def person_document(
    source: TicketSource,
    id: str,
    *,
    at: str | None,
    remark: Callable[[str], None],
    actor: Actor | None = None,
) -> Person:
    """A person, completed by persons who were merged into them. Where the views can't be read, they
    are as their own stream says, and `remark` hears why. `at`: the moment, in the words of the
    asker; `actor`: who asks. Raises NotFound."""
    state = source.load(f"person/{id}", actor=actor)
    if not state.exists:
        raise _missing(f"person/{id}", at)
    values = _values(state)
    told = Person.filled(values | _together(source, values, remark, actor))
    return source.viewer(actor).document(told)


def organisation_document(
    source: TicketSource, id: str, *, at: str | None, actor: Actor | None = None
) -> Organisation:
    """An organisation. Raises NotFound."""
    state = source.load(f"organisation/{id}", actor=actor)
    if not state.exists:
        raise _missing(f"organisation/{id}", at)
    return source.viewer(actor).document(Organisation.filled(_values(state)))


def agent_document(
    source: TicketSource, id: str, *, at: str | None, actor: Actor | None = None
) -> Agent:
    """An agent: known to the settings, or by what they did. Raises NotFound."""
    state = source.load(f"agent/{id}", actor=actor)
    known = source.settings.agents.get(state.id)
    if not state.exists and known is None:
        raise _missing(f"agent/{id}", at)
    values = _values(state) | {name: getattr(state, name) or None for name in _TIMES}
    told = Agent.filled(values, settings=known.model_dump(mode="json") if known else None)
    return source.viewer(actor).document(told)


def _missing(stream: str, at: str | None) -> NotFound:
    return NotFound(f"{stream} doesn't exist" + (" at that moment" if at else ""))


def _values(state: Any) -> dict[str, Any]:
    """The fields of a state, as documents have them."""
    values = {name: _plain(value) for name, value in vars(state).items() if name not in _HIDDEN}
    return {**values, "version": state.version, "clock": state.clock or None}


def _together(
    source: TicketSource,
    values: Mapping[str, Any],
    remark: Callable[[str], None],
    actor: Actor | None,
) -> dict[str, Any]:
    """The fields of a person that take in those who were merged into them."""
    from ticketlog.projections.views.persons import PersonCard

    id, own = values["id"], values["organisation"]
    try:
        card = source.query(PersonCard(person=id), actor=actor)
        names = ("addresses", "organisations", "survivor", "merged")
        return {name: card[name] for name in names if name in card}
    except TicketlogError as error:
        remark(f"ticketlog: who was merged into them isn't known: {error}")
    return {
        "addresses": [{**each, "person": id} for each in values["addresses"]],
        "organisations": [own] if own else [],
        "survivor": rights.survivor(id, source.load),
        "merged": None,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Held):
        return value._asdict()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value
