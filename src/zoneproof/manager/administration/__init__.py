"""What a person does with accounts, credentials, definitions and the vault key."""
