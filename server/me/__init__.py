"""What a contributor is told of their own work: routes below /me that need more than one domain."""
