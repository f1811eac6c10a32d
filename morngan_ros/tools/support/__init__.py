"""What commands share; nothing here is a command."""
