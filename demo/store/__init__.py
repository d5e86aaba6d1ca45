"""The shapes of DefenseClaw audit databases of three generations, and how to write them."""
