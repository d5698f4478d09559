"""`ticketlog token`, `session`, `passkey`, `identity`, `login-link`: what actors sign in with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ticketlog.cli.framework import App, Entry, ShellCommand, ShellGroup, pass_app
from ticketlog.cli.options import actor_of, actor_option, as_json
from ticketlog.cli.output import clean, print_json, show_all, table
from ticketlog.documents import accounts as documents

if TYPE_CHECKING:
    from ticketlog.application.accounts import Accounts
    from ticketlog.documents.base import Document
    from ticketlog.domain.accounts.owner import Owner

_HERE = "ticketlog.cli.commands.accounts"
_DAY_US = 86_400 * 1_000_000


def _accounts(app: App) -> Accounts:
    from ticketlog.application.accounts import Accounts

    return Accounts(app.desk)


def _owner(text: str | None) -> Owner | None:
    from ticketlog.domain.accounts.owner import owner_of

    return None if text is None else owner_of(actor_of(text))


def _of_owner(found: Sequence[Any], text: str | None) -> list[Any]:
    """The accounts of the owner who is named, or all."""
    owner = _owner(text)
    return [each for each in found if owner is None or each.owner.actor == owner.actor]


_owner_option = click.option("--owner", metavar="ACTOR", help="Only those of one: KIND:ID.")


@click.command(
    "create",
    cls=ShellCommand,
    prints=(documents.NewToken,),
    examples=(
        'ticketlog token create "nightly export" --as agent:ann --scope query:* --scope report:*',
        "ticketlog token create crm --owner service:api --days 365 --as agent:ada",
    ),
)
@click.argument("label")
@click.option(
    "--owner", metavar="ACTOR", help="As whom it acts. Default: who creates it; else an admin may."
)
@click.option(
    "--scope",
    multiple=True,
    metavar="RIGHT",
    help="A right of the owner that it has, such as ticket.reply, ticket.*, query:queue; repeat "
    "it. Default: all rights of the owner.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=90,
    show_default=True,
    help="For how long it is good.",
)
@actor_option
@as_json
@pass_app
def create_token(
    app: App,
    label: str,
    owner: str | None,
    scope: tuple[str, ...],
    days: int,
    actor: str | None,
    as_json: bool,
) -> None:
    """Create an API token. It is printed once; the desk keeps its hash alone.

    Programs send it as `Authorization: Bearer tlk_...`.
    """
    by = actor_of(actor)
    whose = _owner(owner) or _owner(f"{by.kind}:{by.id}" + (f"/{by.role}" if by.role else ""))
    assert whose is not None
    now = app.desk.now()
    made = _accounts(app).create_token(
        whose, actor=by, label=label, scope=scope, expires_at=now + days * _DAY_US
    )
    entry = documents.token_entry(made.token, now)
    if as_json:
        print_json(documents.NewToken(secret=made.secret, token=entry))
        return
    click.echo(made.secret)
    click.echo(
        clean(f"token {entry.token} of {whose} until {entry.expires_at}; it isn't shown again"),
        err=True,
    )


@click.command(
    "list",
    cls=ShellCommand,
    prints=(documents.TokenList,),
    examples=("ticketlog token list", "ticketlog token list --owner agent:ann --json"),
)
@_owner_option
@as_json
@pass_app
def list_tokens(app: App, owner: str | None, as_json: bool) -> None:
    """List API tokens, whatever became of them."""
    found = _of_owner(_accounts(app).tokens(None), owner)
    document = documents.token_list(found, app.desk.now())
    columns = ("token", "owner", "label", "scope", "state", "expires_at", "used_at")
    rows = [
        [
            *(each.token, _shown(each.owner), each.label, " ".join(each.scope) or "all"),
            *(each.state, each.expires_at, each.used_at),
        ]
        for each in document.tokens
    ]
    _print(document, columns, rows, as_json, flexible=("label", "scope"))


@click.command(
    "revoke",
    cls=ShellCommand,
    prints=(documents.TokenEntry,),
    examples=("ticketlog token revoke 4F7K2M9QABCD --as agent:ann",),
)
@click.argument("token")
@actor_option
@as_json
@pass_app
def revoke_token(app: App, token: str, actor: str | None, as_json: bool) -> None:
    """Revoke an API token; whoever uses it from now on is refused, and that is recorded."""
    revoked = _accounts(app).revoke_token(token.upper(), actor=actor_of(actor))
    entry = documents.token_entry(revoked, app.desk.now())
    _done(entry, f"token {entry.token} is {entry.state}", as_json)


@click.command(
    "list",
    cls=ShellCommand,
    prints=(documents.SessionList,),
    examples=("ticketlog session list", "ticketlog session list --owner agent:ann"),
)
@_owner_option
@click.option("--all", "everything", is_flag=True, help="Also those that ended lately.")
@as_json
@pass_app
def list_sessions(app: App, owner: str | None, everything: bool, as_json: bool) -> None:
    """List the sessions of browsers that go on."""
    found = _of_owner(_accounts(app).sessions(None, all=everything), owner)
    document = documents.session_list(found, app.desk.now())
    columns = ("session", "owner", "method", "device", "seen_at", "expires_at", "ended")
    rows = [
        [
            *(each.session, _shown(each.owner), each.method, each.device),
            *(each.seen_at, each.expires_at, each.ended),
        ]
        for each in document.sessions
    ]
    _print(document, columns, rows, as_json, flexible=("device",))


@click.command(
    "revoke",
    cls=ShellCommand,
    prints=(documents.SessionList,),
    examples=(
        "ticketlog session revoke 2026-11-29-4F7K2M9QABCD",
        "ticketlog session revoke --all --owner agent:ann --as agent:ada",
    ),
)
@click.argument("session", required=False)
@click.option("--all", "everything", is_flag=True, help="All of the owner's sessions.")
@click.option("--owner", metavar="ACTOR", help="Whose, with --all. Default: who revokes them.")
@actor_option
@as_json
@pass_app
def revoke_session(
    app: App,
    session: str | None,
    everything: bool,
    owner: str | None,
    actor: str | None,
    as_json: bool,
) -> None:
    """End a session, or all of an owner's; the next click of the browser asks to sign in."""
    if (session is None) != everything:
        raise click.UsageError("name one session, or --all")
    by, accounts = actor_of(actor), _accounts(app)
    if session is not None:
        ended = [accounts.end_session(session, actor=by)]
    else:
        whose = _owner(owner) or _owner(f"{by.kind}:{by.id}")
        assert whose is not None
        ended = accounts.end_sessions(whose, actor=by)
    document = documents.session_list(ended, app.desk.now())
    _done(document, f"{len(ended)} sessions are over", as_json)


@click.command(
    "list",
    cls=ShellCommand,
    prints=(documents.PasskeyList,),
    examples=("ticketlog passkey list",),
)
@_owner_option
@as_json
@pass_app
def list_passkeys(app: App, owner: str | None, as_json: bool) -> None:
    """List passkeys."""
    document = documents.passkey_list(_of_owner(_accounts(app).passkeys(None), owner))
    columns = ("passkey", "owner", "label", "registered_at", "used_at")
    rows = [
        [each.passkey, _shown(each.owner), each.label, each.registered_at, each.used_at]
        for each in document.passkeys
    ]
    _print(document, columns, rows, as_json, flexible=("label",))


@click.command(
    "remove",
    cls=ShellCommand,
    prints=(documents.PasskeyEntry,),
    examples=("ticketlog passkey remove 4F7K2M9QABCD --as agent:ann",),
)
@click.argument("passkey")
@actor_option
@as_json
@pass_app
def remove_passkey(app: App, passkey: str, actor: str | None, as_json: bool) -> None:
    """Remove a passkey, as of a device that is lost."""
    removed = _accounts(app).remove_passkey(passkey.upper(), actor=actor_of(actor))
    entry = documents.passkey_entry(removed)
    _done(entry, f"passkey {entry.passkey} is removed", as_json)


@click.command(
    "list",
    cls=ShellCommand,
    prints=(documents.IdentityList,),
    examples=("ticketlog identity list",),
)
@_owner_option
@as_json
@pass_app
def list_identities(app: App, owner: str | None, as_json: bool) -> None:
    """List the users of identity providers, and as whom they act."""
    document = documents.identity_list(_of_owner(_accounts(app).identities(None), owner))
    columns = ("identity", "provider", "owner", "linked_at", "signed_in_at")
    rows = [
        [each.identity, each.provider, _shown(each.owner), each.linked_at, each.signed_in_at]
        for each in document.identities
    ]
    _print(document, columns, rows, as_json)


@click.command(
    "unlink",
    cls=ShellCommand,
    prints=(documents.IdentityEntry,),
    examples=("ticketlog identity unlink 4F7K2M9QABCD --as agent:ada",),
)
@click.argument("identity")
@actor_option
@as_json
@pass_app
def unlink_identity(app: App, identity: str, actor: str | None, as_json: bool) -> None:
    """Forget as whom a provider's user acts, until they sign in and a rule says so again."""
    unlinked = _accounts(app).unlink_identity(identity.upper(), actor=actor_of(actor))
    entry = documents.identity_entry(unlinked)
    _done(entry, f"identity {entry.identity} acts as nobody", as_json)


@click.command(
    cls=ShellCommand,
    prints=(documents.NewLink,),
    examples=(
        "ticketlog login-link --as agent:ann",
        "ticketlog login-link --as person:7QK2M9ABCD4F --url https://desk.example.com",
    ),
)
@click.option(
    "--url",
    default="http://127.0.0.1:8400",
    show_default=True,
    help="Where `ticketlog serve` answers: it prints its address when it starts.",
)
@actor_option
@as_json
@pass_app
def login_link(app: App, url: str, actor: str | None, as_json: bool) -> None:
    """Print a link that signs an agent or a person in: once, within 15 minutes."""
    made = _accounts(app).create_link(actor=actor_of(actor))
    document = documents.new_link(login_url(url, made.secret), made.link)
    if as_json:
        print_json(document)
        return
    click.echo(document.url)
    said = f"signs {made.link.owner} in, once, until {document.expires_at}, where the server is at"
    click.echo(clean(f"{said} {url}; --url names another address"), err=True)


def login_url(url: str, secret: str) -> str:
    """The address of a login link at a server."""
    return f"{url.rstrip('/')}/login/link?key={secret}"


def _shown(owner: documents.AccountOwner) -> str:
    return f"{owner.kind}:{owner.id}" + (f"/{owner.role}" if owner.role else "")


def _print(
    document: Document,
    columns: tuple[str, ...],
    rows: list[list[Any]],
    as_json: bool,
    flexible: tuple[str, ...] = (),
) -> None:
    if as_json:
        print_json(document)
    else:
        show_all(table(columns, rows, flexible=flexible))


def _done(document: Document, line: str, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        click.echo(clean(line))


token = ShellGroup(
    "token",
    help="API tokens: how programs sign in.",
    sections={
        "Commands": {
            "create": Entry(_HERE, "create_token", "Create a token; it is printed once."),
            "list": Entry(_HERE, "list_tokens", "List tokens, whatever became of them."),
            "revoke": Entry(_HERE, "revoke_token", "Revoke a token."),
        }
    },
)
session = ShellGroup(
    "session",
    help="Sessions of browsers.",
    sections={
        "Commands": {
            "list": Entry(_HERE, "list_sessions", "List the sessions that go on."),
            "revoke": Entry(_HERE, "revoke_session", "End a session, or all of an owner's."),
        }
    },
)
passkey = ShellGroup(
    "passkey",
    help="Passkeys, which people register in their browser.",
    sections={
        "Commands": {
            "list": Entry(_HERE, "list_passkeys", "List passkeys."),
            "remove": Entry(_HERE, "remove_passkey", "Remove a passkey."),
        }
    },
)
identity = ShellGroup(
    "identity",
    help="Users of identity providers, and as whom they act.",
    sections={
        "Commands": {
            "list": Entry(_HERE, "list_identities", "List the users who have signed in."),
            "unlink": Entry(_HERE, "unlink_identity", "Forget as whom a user acts."),
        }
    },
)
