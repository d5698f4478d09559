"""The pages of signing in: plain HTML, which works without scripts except for passkeys."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib import resources
from urllib.parse import quote, urlencode

from starlette.responses import HTMLResponse, Response

from ticketlog.domain.accounts.login_link import LoginLink
from ticketlog.domain.accounts.owner import Owner
from ticketlog.domain.settings.signing_in import IdentityProvider

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title} - ticketlog</title>
<link rel="stylesheet" href="/login/signing-in.css">
</head>
<body>
<main>
<h1>{title}</h1>
{content}
<p id="says" role="status"></p>
</main>
<script src="/login/signing-in.js"></script>
</body>
</html>
"""
_LINK_HELP = (
    "<p>On the machine of the desk, <code>ticketlog login-link --as agent:ID</code> prints a link "
    "that signs in once.</p>"
)
_STATIC = {"signing-in.js": "text/javascript", "signing-in.css": "text/css"}


def _page(title: str, content: str, status: int = 200) -> HTMLResponse:
    text = _PAGE.format(title=escape(title), content=content)
    return HTMLResponse(text, status, headers=_HEADERS)


def sign_in_page(providers: Iterable[IdentityProvider], return_to: str) -> HTMLResponse:
    """The ways in. `return_to`: the local path where the browser goes on."""
    going_on = urlencode({"return_to": return_to})
    ways = [
        f'<a class="way" href="/login/oidc/{quote(each.id)}?{escape(going_on)}">'
        f"{escape(each.title or each.id)}</a>"
        for each in providers
    ]
    passkey = (
        f'<button id="passkey-sign-in" data-return-to="{escape(return_to)}">Passkey</button>'
        "<noscript><p>Passkeys need JavaScript.</p></noscript>"
    )
    return _page("Sign in", "\n".join([*ways, passkey, _LINK_HELP]))


def signed_in_page(owner: Owner) -> HTMLResponse:
    """The page of a browser that is signed in already."""
    return _page(
        "Signed in",
        f"<p>You are signed in as <strong>{escape(str(owner))}</strong>.</p>"
        '<form method="post" action="/logout"><button>Log out</button></form>'
        '<label>Where the passkey is kept <input id="passkey-label" maxlength="100"></label>'
        '<button id="passkey-register">Register a passkey</button>',
    )


def link_page(link: LoginLink, secret: str, return_to: str) -> HTMLResponse:
    """The question before a link is used up: programs that look into mails open every link."""
    return _page(
        "Sign in",
        f"<p>This link signs you in as <strong>{escape(str(link.owner))}</strong>, once.</p>"
        '<form method="post" action="/login/link">'
        f'<input type="hidden" name="key" value="{escape(secret)}">'
        f'<input type="hidden" name="return_to" value="{escape(return_to)}">'
        "<button>Sign in</button></form>",
    )


def refused_page(why: str, status: int) -> HTMLResponse:
    """The answer to a sign-in that came to nothing."""
    content = f'<p>{escape(why)}</p><p><a class="way" href="/login">Other ways to sign in</a></p>'
    return _page("Not signed in", content, status)


def static_file(name: str) -> Response:
    """A file that the pages need."""
    content = resources.files("ticketlog.http").joinpath("static", name).read_bytes()
    headers = {"Cache-Control": "max-age=3600"}
    return Response(content, media_type=_STATIC[name], headers=headers)
