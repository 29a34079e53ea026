"""One file for each thing the editor shows; `register(server)` connects it."""
