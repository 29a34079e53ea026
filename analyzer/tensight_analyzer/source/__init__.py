"""Source text: decoding, splitting, limits and parsing."""
