"""A desk behind TLS on a port of this machine, for clients that ask by HTTPS alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import trustme
import uvicorn
from starlette.requests import Request

from ticketlog.desk import Desk
from ticketlog.domain.base import Actor
from ticketlog.http.app import create_app
from ticketlog.http.options import ServeOptions
from ticketlog.http.problems import Problem
from ticketlog.http.served import Served

TOKEN = "tlk_for-the-peers"


class SecureServer(NamedTuple):
    """A server: `place`, its host and port; `trust`, the file of the authority that it is known
    by."""

    place: str
    trust: Path


@contextmanager
def served_securely(desk: Desk, actor: Actor, folder: Path) -> Iterator[SecureServer]:
    """A server in a thread that takes `TOKEN` as the actor's."""

    async def by_token(request: Request) -> Actor:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Problem(401, "unauthenticated", "sign in with a token")
        return actor

    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    place = socket.create_server(("127.0.0.1", 0))
    served = Served(desk, ServeOptions(rate="100000/minute"), authenticate=by_token)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(served),
            log_config=None,
            ssl_keyfile=folder / "key.pem",
            ssl_certfile=folder / "certificate.pem",
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
    thread.start()
    try:
        yield SecureServer(f"localhost:{place.getsockname()[1]}", folder / "authority.pem")
    finally:
        server.should_exit = True
        thread.join()
        place.close()
