"""Foreign vocabulary 2: CDS Hooks. Requests in, cards out."""
