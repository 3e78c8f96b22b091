"""The way out of a sandbox: a network policy, the proxy that holds to it, and what proves that it does."""
