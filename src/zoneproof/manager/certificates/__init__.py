"""What is known of managed certificates: definitions, files, state, schedule and history."""
