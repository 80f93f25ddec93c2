"""What the scripts share: options, and errors in one line."""
