"""What is about neither images nor networks: words for messages, files, memory, processes."""
