"""The challenge service's DNS beside what RFCs, other servers and real resolvers expect."""
