"""Turn nighttime thermal video into daytime colour, live, and detect road users in it."""
