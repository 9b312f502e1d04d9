"""One module per DVC stage: parse, call, write."""
