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

from ticketlog.desk import Desk
from ticketlog.domain.accounts.owner import Owner
from ticketlog.domain.base import Actor
from ticketlog.http.app import create_app
from ticketlog.http.authentication import accounts_of, authenticator
from ticketlog.http.options import ServeOptions
from ticketlog.http.served import Served


class SecureServer(NamedTuple):
    """A server: `place`, its host and port; `trust`, the file of the authority that it is known
    by; `token`, which it takes."""

    place: str
    trust: Path
    token: str


@contextmanager
def served_securely(desk: Desk, actor: Actor, folder: Path) -> Iterator[SecureServer]:
    """A server in a thread, which an agent has a token for."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    place = socket.create_server(("127.0.0.1", 0))
    served = Served(desk, ServeOptions(rate="100000/minute"))
    served.authenticate = authenticator(served)
    owner = Owner(actor=f"agent/{actor.id}")
    made = accounts_of(served).create_token(owner, actor=actor, label="peers")
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
        where = f"localhost:{place.getsockname()[1]}"
        yield SecureServer(where, folder / "authority.pem", made.secret)
    finally:
        server.should_exit = True
        thread.join()
        place.close()
