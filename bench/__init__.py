"""Speed claims, each a ratio against a named alternative measured side by side in one run."""
