"""The service: the HTTP API, live events, sign-in, the built web app."""
