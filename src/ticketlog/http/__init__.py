"""The desk over HTTP: routes, problems, limits, and the server. Needs the extra `serve`."""
