"""The language: from a text or its dict form to a checked tree, and back to the canonical text."""
