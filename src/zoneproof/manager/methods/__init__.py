"""From the methods of a definition to opened providers and resolvers."""
