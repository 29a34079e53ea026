"""The intermediate representation and the way from text to it."""
