"""The options of commands that need an engine."""

from typing import Annotated

import typer

TemporalAddress = Annotated[
    str | None,
    typer.Option(
        "--temporal-address",
        "--engine",
        metavar="HOST:PORT",
        help="The engine (Temporal) to work for; else one of its own is started, on loopback.",
    ),
]
TemporalNamespace = Annotated[
    str | None, typer.Option("--temporal-namespace", metavar="NAME", help="The namespace in it.")
]
TemporalTls = Annotated[bool, typer.Option("--temporal-tls", help="Reach it by TLS.")]
TemporalKey = Annotated[
    str | None,
    typer.Option("--temporal-api-key-env", metavar="VARIABLE", help="The variable that holds its API key."),
]
StoreAddress = Annotated[
    str | None,
    typer.Option("--store", metavar="ADDRESS", help="A PostgreSQL database (postgresql://…) in place of a file."),
]
BlobsAddress = Annotated[
    str | None,
    typer.Option("--blobs", metavar="ADDRESS", help="A bucket (s3://…, gs://…, az://…) in place of a folder."),
]
Slots = Annotated[int | None, typer.Option("--slots", metavar="N", min=1, help="Attempts that run at a time, at most.")]


def temporal(address: str | None, namespace: str | None, tls: bool, api_key_env: str | None) -> dict[str, object]:
    """The options as the settings below `temporal`."""
    given = {"address": address, "namespace": namespace, "tls": tls or None, "api_key_env": api_key_env}
    return {key: value for key, value in given.items() if value is not None}
