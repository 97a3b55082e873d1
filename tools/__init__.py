"""What is made from the code and is no part of it."""
