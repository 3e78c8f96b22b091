"""What crosses the wire of the HTTP API: the same values for the server and its client."""
