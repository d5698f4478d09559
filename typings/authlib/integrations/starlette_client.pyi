from typing import Any

class StarletteOAuth2App:
    server_metadata: dict[str, Any]
    def __init__(
        self,
        framework: Any,
        name: str | None = ...,
        *,
        client_id: str,
        client_secret: str | None,
        server_metadata_url: str,
        client_kwargs: dict[str, Any],
    ) -> None: ...
    async def load_server_metadata(self) -> dict[str, Any]: ...
    async def create_authorization_url(
        self, redirect_uri: str | None = ..., **kwargs: Any
    ) -> dict[str, Any]: ...
    async def fetch_access_token(
        self, redirect_uri: str | None = ..., **kwargs: Any
    ) -> dict[str, Any]: ...
    async def parse_id_token(
        self, token: dict[str, Any], nonce: str | None, **kwargs: Any
    ) -> dict[str, Any]: ...
    async def fetch_jwk_set(self, force: bool = ...) -> dict[str, Any]: ...
    async def userinfo(self, *, token: dict[str, Any]) -> dict[str, Any]: ...
