"""The command `masks`: first labels of day pictures, by teachers."""
