"""What providers need to know, and registrations at challenge services, sealed."""
