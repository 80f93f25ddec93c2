"""What is told of a result: table, picture and terminal."""
