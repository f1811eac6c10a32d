"""The networks of the paper: generators and discriminators for both domains."""
