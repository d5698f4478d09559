"""An identity provider that says what a test has it say, rightly or wrongly, in a thread."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "ticketlog", "s3cret-of-the-desk"


class Provider:
    """A provider at a port of its own. `claims` are what it says of its user beside the usual;
    `wrong` changes what it says; `answers` are what it answers at a path instead."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.claims: dict[str, Any] = {"email": "kim@example.com", "email_verified": True}
        self.wrong: dict[str, Any] = {}
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.sign_with: Any = None
        self.algorithm = "RS256"
        self.userinfo: dict[str, Any] | None = None
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def consent(self, location: str, code: str = "code-1") -> dict[str, str]:
        """The user agrees to what they were sent to the provider with: the parameters with which
        the browser is sent back."""
        asked = {name: each[0] for name, each in parse_qs(urlsplit(location).query).items()}
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        self._codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def answer(self, path: str, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        match path:
            case "/.well-known/openid-configuration":
                return 200, {
                    "issuer": self.url,
                    "authorization_endpoint": f"{self.url}/authorize",
                    "token_endpoint": f"{self.url}/token",
                    "jwks_uri": f"{self.url}/jwks",
                    "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                    **({} if self.userinfo is None else {"userinfo_endpoint": f"{self.url}/me"}),
                }
            case "/jwks":
                return 200, {"keys": [self.key.as_dict(private=False)]}
            case "/token":
                return self._token(form, authorization)
            case "/me":
                return 200, self.userinfo
        return 404, {}

    def _token(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        asked = self._codes.pop(form.get("code", ""), None)
        given = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization != f"Basic {given}":
            return 401, {"error": "invalid_client"}
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or asked["code_challenge"] != challenge:
            return 400, {"error": "invalid_grant"}
        assert form["redirect_uri"] == asked["redirect_uri"]
        now = int(time.time())
        usual = {
            "iss": self.url,
            "sub": "user-1",
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
        }
        said = {**usual, **self.claims, **self.wrong}
        said = {name: each for name, each in said.items() if each is not None}
        header = {"alg": self.algorithm}
        if kid := (self.sign_with or self.key).kid:
            header["kid"] = kid
        token = jwt.encode(header, said, self.sign_with or self.key, algorithms=[self.algorithm])
        return 200, {"access_token": "at", "token_type": "Bearer", "id_token": token}


@contextmanager
def running() -> Iterator[Provider]:
    """A provider that answers until the block ends."""
    provider: list[Provider] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer({name: each[0] for name, each in parse_qs(body).items()})

        def _answer(self, form: dict[str, str]) -> None:
            path = urlsplit(self.path).path
            said = self.headers.get("Authorization", "")
            status, content = provider[0].answer(path, form, said)
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.append(Provider(f"http://127.0.0.1:{server.server_port}"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def shared_secret() -> OctKey:
    """The desk's secret as a key, with which anybody who has it could sign."""
    return OctKey.import_key(SECRET.ljust(32, "-"))
