"""How fast the program is and how much memory it takes, measured on this computer; never a test."""
