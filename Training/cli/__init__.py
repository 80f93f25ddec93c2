"""The command line of the scripts: options, and errors in one line."""
