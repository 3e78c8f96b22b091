"""Where repositories live: fetch, clone, push."""
